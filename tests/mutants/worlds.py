"""Mutants of the changed worlds."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ANT, BODY = "simulators/disabled_ant.py", "simulators/test_disabled_ant.py::"
LENGTHS, EDITED = BODY + "test_lengths_masses_and_gears_are_those_published", BODY + "test_the_body_is_what_mujocos_own_editor_makes_of_it_"

MUTANTS = (
    Mutant(
        "the front legs are disabled",
        ANT,
        'HIND_LEGS = ("back_leg", "right_back_leg")',
        'HIND_LEGS = ("front_left_leg", "front_right_leg")',
        (LENGTHS,),
        "legs counted from the other end of the body",
    ),
    Mutant(
        "the knee stays where the thigh ended",
        ANT,
        '_shrink(shin, "pos")',
        '_shrink(_part(shin, "joint"), "pos")',
        (EDITED + "and_nothing_else_changed",),
        "a limb shortened without what hangs on it",
    ),
    Mutant(
        "the disabled motors keep their force",
        ANT,
        '.set("gear", WEAK_GEAR)',
        '.set("gear", "150")',
        (BODY + "test_a_disabled_motor_pulls_with_one_newton_meter",),
        "a changed shape taken for a changed body",
    ),
)
