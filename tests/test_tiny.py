"""The whole chain in a second or two: text in, run, passes, Verilog out."""

import numpy as np

import circuitc

PROGRAM = """
ccir 1 "tiny"
const #w : i3[2,3] = [[1, -2, 3], [0, 1, -1]]
func @tiny(%x: u4[3]) -> (%y: i8[2]) once {
  %y = contract #w, %x {spec="ij,j->i"} : i8[2]
  return %y
}
"""


def test_the_whole_chain() -> None:
    module = circuitc.parse_module(PROGRAM)
    circuitc.verify_module(module)
    x = np.array([[1, 2, 3], [15, 0, 15]])
    wanted = [[6, -1], [60, -15]]
    assert circuitc.run(module, {"x": x})["y"].tolist() == wanted
    assert circuitc.parse_module(circuitc.print_module(module)) == module
    clean = circuitc.run_passes(module, "clean")
    assert circuitc.run(clean, {"x": x})["y"].tolist() == wanted
    assert np.asarray(circuitc.jit(module)(x)).tolist() == wanted
    build = circuitc.compile(module, target="verilog", verify=False)
    assert b"module tiny" in build.artefacts["tiny.v"]
