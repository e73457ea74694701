"""The text of a program is taken apart as it is written: names, opcodes, calls and trip counts."""

import pytest

from triality.profiling.hlo_text import parse_program, reachable

TEXT = """HloModule jit_f, is_scheduled=true, entry_computation_layout={(f32[2]{0})->f32[2]{0}}

%inner (x: f32[2]) -> f32[2] {
  %x = f32[2]{0} parameter(0)
  ROOT %y = f32[2]{0} exponential(%x), metadata={op_name="jit(f)/{odd} \\"name\\"" source_line=3}
}

%body.1 (t: (s32[], f32[2])) -> (s32[], f32[2]) {
  %t = (s32[], f32[2]{0}) parameter(0)
  %i = s32[] get-tuple-element(%t), index=0
  %v = f32[2]{0} get-tuple-element(%t), index=1
  %w = f32[2]{0} fusion(%v), kind=kLoop, calls=%inner
  ROOT %out = (s32[], f32[2]{0}) tuple(%i, %w)
}

%condition (t: (s32[], f32[2])) -> pred[] {
  %t = (s32[], f32[2]{0}) parameter(0)
  ROOT %p = pred[] constant(true)
}

%unused (x: f32[2]) -> f32[2] {
  ROOT %x = f32[2]{0} parameter(0)
}

ENTRY %main.2 (x: f32[2]) -> f32[2] {
  %x = f32[2]{0} parameter(0)
  %zero = s32[] constant(0)
  %t = (s32[], f32[2]{0}) tuple(%zero, %x)
  %loop = (s32[], f32[2]{0}) while(%t), condition=%condition, body=%body.1, backend_config={"known_trip_count":{"n":"7"}}
  %branch = f32[2]{0} conditional(%zero, %x, %x), branch_computations={%inner, %unused}
  ROOT %out = f32[2]{0} get-tuple-element(%loop), index=1
}
"""


def test_computations_opcodes_and_trip_counts():
    program = parse_program(TEXT)
    assert program.entry == "main.2"
    assert list(program.computations) == ["inner", "body.1", "condition", "unused", "main.2"]
    lines = program.computations["main.2"].instructions
    assert [line.opcode for line in lines] == ["parameter", "constant", "tuple", "while", "conditional", "get-tuple-element"]
    assert lines[3].called == {"condition": "condition", "body": "body.1"}
    assert lines[3].trip_count == 7
    assert list(lines[4].called.values()) == ["inner", "unused"]
    assert "metadata" not in program.computations["inner"].text


def test_a_part_comes_with_all_that_it_calls_and_nothing_else():
    program = parse_program(TEXT)
    assert [part.name for part in reachable(program, "body.1")] == ["inner", "body.1"]
    assert len(reachable(program, "main.2")) == 5


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="ENTRY"):
        parse_program("module @jit_f { func.func public @main() }")
