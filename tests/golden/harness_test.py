#!/usr/bin/env python3
"""The comparison behind the golden tests finds what moved, and only that."""
import os
import stat
import sys
import tempfile
import unittest

import golden_test as golden


def moved(expected, actual, tolerances=None):
    return list(golden.differences(expected, actual, {**golden.ALWAYS, **(tolerances or {})}))


class Differences(unittest.TestCase):
    def test_equal_documents_do_not_differ(self):
        document = {"a": [1, 2.5, None, True, "x"], "b": {"c": {}}}
        self.assertEqual(moved(document, document), [])

    def test_a_number_that_moved_is_named_with_its_path_and_by_how_much(self):
        self.assertEqual(moved({"training": {"ranks": [{"busy_s": 2.0}]}},
                               {"training": {"ranks": [{"busy_s": 2.1}]}}),
                         ["training.ranks.0.busy_s: 2.0 -> 2.1 (+5 %)"])

    def test_rounding_is_no_movement_but_a_millionth_is(self):
        self.assertEqual(moved({"t": 15.5}, {"t": 15.5 * (1 + 1e-12)}), [])
        self.assertEqual(len(moved({"t": 15.5}, {"t": 15.5 * (1 + 1e-6)})), 1)

    def test_a_tolerance_holds_for_its_path_alone(self):
        expected, actual = {"a": {"x": 1.0}, "b": 1.0}, {"a": {"x": 1.01}, "b": 1.01}
        self.assertEqual(moved(expected, actual, {"a.*": 0.02}), ["b: 1.0 -> 1.01 (+1 %)"])

    def test_the_pattern_with_fewer_stars_wins(self):
        self.assertEqual(moved({"a": {"x": 1.0}}, {"a": {"x": 1.01}}, {"a.*": 0.02, "a.x": 1e-9}),
                         ["a.x: 1.0 -> 1.01 (+1 %)"])

    def test_keys_that_come_and_go_are_named(self):
        self.assertEqual(moved({"a": 1, "b": 2}, {"b": 2, "c": 3}), ["a: is gone", "c: is new"])

    def test_lists_of_other_lengths_differ(self):
        self.assertEqual(moved({"l": [1, 2]}, {"l": [1]}), ["l: 1 entries instead of 2"])

    def test_truth_is_no_number_and_null_is_no_zero(self):
        self.assertEqual(moved({"fits": True}, {"fits": 1}), ["fits: True -> 1"])
        self.assertEqual(moved({"x": None}, {"x": 0}), ["x: None -> 0"])

    def test_the_clock_on_the_wall_is_never_compared_nor_stored(self):
        self.assertEqual(moved({"engine": {"tasks": 3}}, {"engine": {"tasks": 3, "wall_s": 1}}), [])
        self.assertEqual(golden.without_ignored({"engine": {"tasks": 3, "wall_s": 1}}, golden.ALWAYS),
                         {"engine": {"tasks": 3}})

    def test_a_nought_that_stays_nearly_nought_has_not_moved(self):
        self.assertEqual(moved({"x": 0.0}, {"x": 1e-15}), [])
        self.assertEqual(len(moved({"x": 0.0}, {"x": 0.1})), 1)


class Cases(unittest.TestCase):
    """A program that answers with a file stands in for plumbline's command line."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.here, golden.HERE = golden.HERE, self.folder.name
        self.addCleanup(lambda: setattr(golden, "HERE", self.here))
        self.program = os.path.join(self.folder.name, "program")

    def answer(self, text, status=0):
        with open(self.program, "w") as program:
            program.write("#!/bin/sh\necho '%s'\nexit %d\n" % (text, status))
        os.chmod(self.program, stat.S_IRWXU)

    def run_case(self, update=False):
        stdout, sys.stdout = sys.stdout, open(os.devnull, "w")
        try:
            return golden.run_case(self.program, {"name": "one", "args": []}, update)
        finally:
            sys.stdout.close()
            sys.stdout = stdout

    def test_a_case_with_nothing_stored_fails_until_it_is_stored(self):
        self.answer('{"t": 1.5}')
        self.assertFalse(self.run_case())
        self.assertTrue(self.run_case(update=True))
        self.assertTrue(self.run_case())

    def test_a_case_fails_when_a_number_moves_and_holds_again_once_updated(self):
        self.answer('{"t": 1.5}')
        self.run_case(update=True)
        self.answer('{"t": 1.6}')
        self.assertFalse(self.run_case())
        self.run_case(update=True)
        self.assertTrue(self.run_case())

    def test_a_program_that_fails_is_an_error_not_an_answer(self):
        self.answer('{"t": 1.5}', status=2)
        with self.assertRaises(RuntimeError):
            self.run_case(update=True)


if __name__ == "__main__":
    unittest.main()
