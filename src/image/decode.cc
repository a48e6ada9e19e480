// SPDX-License-Identifier: Apache-2.0
#include "image/decode.h"
#include <fmt/format.h>
#include <cstdio>
#include <csetjmp>
#include <jpeglib.h>
#include <png.h>
#include "base/files.h"
#include "molmo/error.h"
namespace molmo::image {
Picture decode_picture(std::span<const uint8_t> b, const std::string& where) {
  if (b.size()>2 && b[0]==0xff) {
    jpeg_decompress_struct d; jpeg_error_mgr e; d.err=jpeg_std_error(&e); jpeg_create_decompress(&d);
    jpeg_mem_src(&d,b.data(),b.size()); jpeg_read_header(&d,TRUE); d.out_color_space=JCS_RGB; jpeg_start_decompress(&d);
    Picture p((int)d.output_width,(int)d.output_height);
    while (d.output_scanline<d.output_height){ JSAMPROW r=p.row((int)d.output_scanline); jpeg_read_scanlines(&d,&r,1);} 
    jpeg_finish_decompress(&d); jpeg_destroy_decompress(&d); return p;
  }
  png_image im{}; im.version=PNG_IMAGE_VERSION;
  if(!png_image_begin_read_from_memory(&im,b.data(),b.size())) throw Error("[image] "+where+": not a picture");
  im.format=PNG_FORMAT_RGB; Picture p((int)im.width,(int)im.height); png_color bg{0,0,0};
  png_image_finish_read(&im,&bg,p.pixels.data(),0,nullptr); return p;
}
Picture load_picture(const std::filesystem::path& path){ return decode_picture(read_binary_file(path), path.string()); }
}
