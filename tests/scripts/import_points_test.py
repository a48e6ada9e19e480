#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/import_points.py: tables in, data.jsonl out. Usage: import_points_test.py SCRIPT"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(sys.argv.pop()).resolve()


class ImportPoints(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.work = pathlib.Path(self.folder.name)
        (self.work / "photos").mkdir()
        for name in "abcdefghij":
            (self.work / "photos" / f"{name}.jpg").write_bytes(b"x")

    def tearDown(self):
        self.folder.cleanup()

    def run_script(self, table, text, *options):
        (self.work / table).write_text(text, encoding="utf-8")
        command = [sys.executable, SCRIPT, table, "--images", "photos", *options]
        return subprocess.run(command, cwd=self.work, capture_output=True, text=True)

    def records(self):
        lines = (self.work / "photos/data.jsonl").read_text(encoding="utf-8").splitlines()
        return {record["image"]: record for record in map(json.loads, lines)}

    def expect_error(self, outcome, text):
        self.assertNotEqual(outcome.returncode, 0)
        self.assertIn(text, outcome.stderr)
        self.assertFalse((self.work / "photos/data.jsonl").exists())

    def test_points_get_boxes_of_the_radius(self):
        outcome = self.run_script("t.csv", "image,label,x,y\na.jpg,dogs,10,20\na.jpg,dogs,30,40.5\nb.jpg,cats,1,7\n",
                                  "--radius", "5", "--absent", "0", "--test", "0", "--validation", "0")
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        self.assertEqual(self.records()["a.jpg"], {
            "image": "a.jpg", "split": "train",
            "points": [{"label": "dogs", "points": [[10, 20], [30, 40.5]], "boxes": [[5, 15, 15, 25], [25, 35.5, 35, 45.5]]}]})

        self.assertEqual(self.records()["b.jpg"]["points"][0]["boxes"], [[0, 2, 6, 12]])  # at the picture's edge

    def test_boxes_give_their_middle_and_empty_lines_say_none(self):
        text = "image,label,x0,y0,x1,y1\na.jpg,dogs,0,0,10,20\na.jpg,cats,,,,\nb.jpg,cats,0,0,2,2\n"
        self.assertEqual(self.run_script("t.csv", text).returncode, 0)
        self.assertEqual(self.records()["a.jpg"]["points"], [
            {"label": "dogs", "points": [[5, 10]], "boxes": [[0, 0, 10, 20]]},
            {"label": "cats", "points": [], "boxes": []}])
        self.assertEqual(self.records()["b.jpg"]["points"][1], {"label": "dogs", "points": [], "boxes": []})  # --absent 1

    def test_coco(self):
        coco = {"images": [{"id": 7, "file_name": "c.jpg"}], "categories": [{"id": 3, "name": "dog"}],
                "annotations": [{"image_id": 7, "category_id": 3, "bbox": [10, 20, 4, 6]},
                                {"image_id": 7, "category_id": 3, "bbox": [0, 0, 90, 90], "iscrowd": 1}]}
        self.assertEqual(self.run_script("t.json", json.dumps(coco), "--rename", "dog=dogs").returncode, 0)
        self.assertEqual(self.records()["c.jpg"]["points"],
                         [{"label": "dogs", "points": [[12, 23]], "boxes": [[10, 20, 14, 26]]}])

    def test_splits_are_shares_of_the_pictures(self):
        rows = "".join(f"{name}.jpg,dogs,0,0,2,2\n" for name in "abcdefghij")
        self.assertEqual(self.run_script("t.csv", "image,label,x0,y0,x1,y1\n" + rows).returncode, 0)
        splits = sorted(record["split"] for record in self.records().values())
        self.assertEqual(splits, ["test"] * 2 + ["train"] * 7 + ["validation"])

    def test_what_is_wrong_is_named(self):
        self.expect_error(self.run_script("t.csv", "file,label\n"), "expected image, label and x, y or x0, y0, x1, y1")
        self.expect_error(self.run_script("t.csv", "image,label,x,y\na.jpg,dogs,1,2\n"), "expected --radius PIXELS")
        self.expect_error(self.run_script("t.csv", "image,label,x,y\na.jpg,dogs,one,2\n", "--radius", "5"),
                          "t.csv:2: got 'one', expected a number")
        self.expect_error(self.run_script("t.csv", "image,label,x,y\nz.jpg,dogs,1,2\n", "--radius", "5"),
                          "1 of 1 pictures are not below photos, the first: ['z.jpg']")

    def test_an_earlier_file_stays(self):
        (self.work / "photos/data.jsonl").write_text("mine")
        outcome = self.run_script("t.csv", "image,label,x0,y0,x1,y1\na.jpg,dogs,0,0,2,2\n")
        self.assertIn("data.jsonl exists", outcome.stderr)
        self.assertEqual((self.work / "photos/data.jsonl").read_text(), "mine")


unittest.main(argv=sys.argv[:1])
