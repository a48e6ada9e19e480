#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/gpu_check: time limits, comparisons and the page. Usage: gpu_check_test.py FOLDER"""
import io
import math
import pathlib
import sys
import tempfile
import time
import unittest

sys.path.insert(0, sys.argv.pop())

import correctness  # noqa: E402
import page  # noqa: E402
import speed  # noqa: E402
from session import Failed, Session, Skipped, Step, run_steps  # noqa: E402


class Steps(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.log = io.StringIO()
        self.session = Session("/usr/bin", self.folder.name, self.log, rehearse=True)

    def tearDown(self):
        self.folder.cleanup()

    def run_steps(self, *steps, seconds=60):
        return run_steps(self.session, steps, seconds, lambda result: None)

    def test_a_command_that_hangs_is_ended_with_what_it_has_started(self):
        marker = pathlib.Path(self.folder.name) / "alive"
        script = f"(while :; do date >{marker}; sleep 0.05; done) & wait"
        begin = time.monotonic()
        hung, after = self.run_steps(Step("hung", 0.5, lambda session: session.run("bash", "-c", script)),
                                     Step("after", 5, lambda session: {"line": session.run("echo", "x").output}))
        self.assertLess(time.monotonic() - begin, 4)
        self.assertEqual(hung.status, "failed")
        self.assertIn("not done after", hung.problem)
        self.assertEqual((after.status, after.facts), ("passed", {"line": "x\n"}))
        marker.unlink()
        time.sleep(0.3)
        self.assertFalse(marker.exists())

    def test_what_has_no_time_left_is_not_begun(self):
        first, second = self.run_steps(Step("first", 5, lambda session: time.sleep(1.2)), Step("second", 5, lambda session: 1 / 0), seconds=2)
        self.assertEqual((first.status, second.status, second.problem), ("passed", "skipped", "no time left"))

    def test_failures_and_reasons_are_kept(self):
        def fail(session):
            session.run("bash", "-c", "echo out; echo reason >&2; exit 3")

        def skip(session):
            raise Skipped("no GPU")

        def misread(session):
            return int("x")
        failed, skipped, misreads = self.run_steps(Step("a", 5, fail), Step("b", 5, skip), Step("c", 5, misread))
        self.assertEqual((failed.status, failed.problem), ("failed", "exit code 3 of bash -c echo out; echo reason >&2; exit 3: reason"))
        self.assertEqual((skipped.status, skipped.problem), ("skipped", "no GPU"))
        self.assertEqual(misreads.status, "failed")
        self.assertIn("reason", self.log.getvalue())


class Comparisons(unittest.TestCase):
    def test_losses(self):
        self.assertAlmostEqual(correctness.largest_difference("loss", {1: 2.0, 2: 4.0}, {1: 2.0, 2: 4.4}), 0.1)
        for other in ({1: 2.0}, {}, {1: 2.0, 2: math.nan}, {1: math.nan, 2: 4.0}, {1: None, 2: 4.0}):
            with self.assertRaises(Failed):
                correctness.largest_difference("loss", {1: 2.0, 2: 4.0}, other)
        with self.assertRaises(Failed):
            correctness.largest_difference("loss", {}, {})

    def test_lines(self):
        base, slope = speed.fit_line([(4, 1 + 4 * 0.5), (8, 1 + 8 * 0.5), (16, 1 + 16 * 0.5)])
        self.assertAlmostEqual(base, 1)
        self.assertAlmostEqual(slope, 0.5)

    def test_peaks(self):
        self.assertEqual(speed.peak_tflops("NVIDIA H100 80GB HBM3"), 989.4)
        self.assertEqual(speed.peak_tflops("NVIDIA H100 PCIe"), 756.0)
        self.assertIsNone(speed.peak_tflops("NVIDIA GeForce GT 710"))
        self.assertEqual(speed.budget_name("NVIDIA H100 80GB HBM3"), "H100-SXM")
        self.assertEqual(speed.budget_name("NVIDIA A100-SXM4-40GB"), "A100-40GB")
        self.assertIsNone(speed.budget_name("NVIDIA L40S"))

    def test_ncu(self):
        lines = ["==PROF== Connected", '"ID","Kernel Name","Metric Name","Metric Unit","Metric Value"',
                 '"0","rms_norm_kernel<float>(int)","dram__x","%","12.5"', '"0","rms_norm_kernel<float>(int)","gpu__time","ns","1,250"',
                 '"1","rms_norm_kernel<float>(int)","dram__x","%","71"']
        self.assertEqual(speed.kernel_bandwidth(lines, "dram__x"), {"rms_norm_kernel": 71})
        self.assertEqual(speed.kernel_bandwidth(["nothing"], "dram__x"), {})


class Page(unittest.TestCase):
    def test_goals_are_marked(self):
        words = page.format_facts({"MFU": 0.43, "share": 0.9, "goal": {"MFU": 0.5, "share": 0.85}})
        self.assertEqual(words, ["MFU 0.43 (goal 0.5: MISSED)", "share 0.9 (goal 0.85: reached)"])

    def test_lines_are_short(self):
        lines = page.wrap([f"fact {i} {i}" for i in range(100)], 120, 9)
        self.assertLessEqual(max(map(len, lines)), 121)
        self.assertEqual(sum(line.count("fact") for line in lines), 100)


if __name__ == "__main__":
    unittest.main()
