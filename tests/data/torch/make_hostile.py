"""Zip files with pickles that torch.save never writes: one dictionary in very many places, endless names, and strided views
that together are far larger than the file. Standard library only: `python3 make_hostile.py` writes them beside itself."""
import os
import struct
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def tensor(sizes, strides):
    storage = b"(" + text("storage") + b"ctorch\nByteStorage\n" + text("0") + text("cpu") + b"K\x00tQ"
    axes = lambda values: b"(" + b"".join(b"M" + struct.pack("<H", v) for v in values) + b"t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + axes(sizes) + axes(strides) + b"\x89N" + b"tR"


def write(name, pickle, storage=b"\0" * 4096):
    with zipfile.ZipFile(os.path.join(HERE, name), "w", zipfile.ZIP_STORED) as archive:
        for member, data in (("x/data.pkl", b"\x80\x02" + pickle + b"."), ("x/data/0", storage)):
            archive.writestr(zipfile.ZipInfo(member, (2024, 1, 1, 0, 0, 0)), data)


# Level after level a dictionary of 64 entries that all are the level below: 64^7 names.
nested = b"}(" + text("t") + tensor([1], [1]) + b"uq\x00"
for level in range(7):
    nested += b"0}(" + b"".join(text(f"k{i}") + b"h" + bytes([level]) for i in range(64)) + b"uq" + bytes([level + 1])
write("places.pt", nested)
write("long_name.pt", b"}(" + text("n" * 5000) + tensor([1], [1]) + b"u")
# Every view is a turned 64 x 64 matrix of the one storage.
write("views.pt", b"}(" + b"".join(text(f"v{i}") + tensor([64, 64], [1, 64]) for i in range(300)) + b"u")
