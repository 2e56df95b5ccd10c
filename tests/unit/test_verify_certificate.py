"""A certificate says what was checked and no more, in the same bytes every time."""

import hashlib
import json
from dataclasses import replace

import pytest

from circuitc.diagnostics import InternalError
from circuitc.ir import Builder, Func, Module, Port, module_of, parse_type
from circuitc.proof import Certificate, Claim, Evidence, Verdict, certify
from circuitc.proof.certificate import pass_evidence

MODEL, TEXT = b"the model", b"module f; endmodule\n"
PROVED = Verdict("equal", Evidence("proved", method="sat", solver="S"), artefact=hashlib.sha256(TEXT).hexdigest())
SIMULATED = Verdict("unknown", Evidence("simulated", 64, "random"), artefact=hashlib.sha256(TEXT).hexdigest())
FOLD = {"name": "fold", "options": {"limit": 3}, "exact": True, "changed": True,
        "evidence": {"level": "simulated", "vectors": 256}, "facts": {"seconds": 3.5}}
PRUNE = {"name": "prune", "options": {}, "exact": False, "changed": True,
         "evidence": {"level": "measured", "samples": 10}, "facts": {}}


def certificate(*claims: Claim, passes=()) -> Certificate:
    return certify(MODEL, {"f.v": TEXT, "f_tb.v": b"bench"}, passes, claims)


def test_the_same_build_gives_the_same_bytes_in_any_order_of_files() -> None:
    claim = Claim("f.v equals the model", "f.v", PROVED)
    one = certify(MODEL, {"f.v": TEXT, "a": b"1"}, [FOLD], [claim]).to_bytes()
    two = certify(MODEL, {"a": b"1", "f.v": TEXT}, [FOLD], [claim]).to_bytes()
    assert one == two
    content = json.loads(one)
    assert content["model"]["sha256"] == hashlib.sha256(MODEL).hexdigest()
    assert content["artefacts"]["f.v"] == hashlib.sha256(TEXT).hexdigest()
    assert content["claims"][0] | {"note": ""} == {
        "claim": "f.v equals the model", "artefact": "f.v", "subject": "", "evidence": "proved", "status": "equal",
        "method": "sat", "solver": "S", "reader": "", "note": ""}
    assert b"seconds" not in one
    assert certify(MODEL + b"!", {"f.v": TEXT, "a": b"1"}, [FOLD], [claim]).to_bytes() != one


def test_a_verdict_on_other_bytes_makes_no_certificate() -> None:
    with pytest.raises(InternalError, match=r"about f\.v rests on a check of other bytes"):
        certificate(Claim("c", "f.v", replace(PROVED, artefact=hashlib.sha256(TEXT + b" ").hexdigest())))
    with pytest.raises(InternalError, match="rests on a check of other bytes"):
        certificate(Claim("c", "f.v", replace(PROVED, artefact="")))
    with pytest.raises(InternalError, match=r"about g\.v, which is not in the build"):
        certificate(Claim("c", "g.v", PROVED))
    with pytest.raises(InternalError, match="speaks of 2 passes of 1"):
        certificate(Claim("c", "f.v", PROVED, passes=2), passes=[FOLD])


def test_a_claim_has_no_evidence_but_its_verdict() -> None:
    with pytest.raises(TypeError):
        Claim("c", "f.v", SIMULATED, evidence=Evidence("proved", method="sat", solver="S"))  # pyright: ignore
    with pytest.raises((AttributeError, TypeError)):
        Claim("c", "f.v", SIMULATED).evidence = PROVED.evidence  # pyright: ignore
    assert str(Claim("c", "f.v", SIMULATED).evidence) == "simulated 64"


def test_the_weakest_link_counts() -> None:
    assert certificate(Claim("c", "f.v", PROVED)).meets("proved")
    both = certificate(Claim("c", "f.v", PROVED), Claim("d", "f.v", SIMULATED))
    assert not both.meets("proved")
    assert both.meets("simulated 64")
    assert not both.meets("simulated 65")
    assert not certificate().meets("simulated")
    assert certificate().meets("not_checked")


def test_passes_before_the_compared_program_need_their_own_evidence() -> None:
    after = certificate(Claim("c", "f.v", PROVED, passes=1), passes=[FOLD])
    across = certificate(Claim("c", "f.v", PROVED, passes=0), passes=[FOLD])
    assert (str(after.evidence), str(across.evidence)) == ("simulated 256", "proved")
    unchecked = {**FOLD, "evidence": {"level": "not_checked", "reason": "switched off"}}
    assert not certificate(Claim("c", "f.v", PROVED, passes=1), passes=[unchecked]).meets("simulated")
    assert certificate(Claim("c", "f.v", PROVED, passes=1), passes=[{**unchecked, "changed": False}]).meets("proved")
    assert certificate(Claim("c", "f.v", PROVED, passes=1), passes=[PRUNE]).meets("proved")


def test_a_word_of_a_pass_that_means_nothing_counts_as_nothing() -> None:
    for evidence in ({"level": "certain"}, {"level": "simulated"}, {"level": "simulated", "vectors": 0}, {}):
        assert pass_evidence({"name": "p", "evidence": evidence}).level == "not_checked"


def test_a_refuted_claim_is_no_evidence() -> None:
    def negated(flip: bool) -> Module:
        b = Builder()
        x = b.input("x", parse_type("bit"))
        return module_of(Func("f", (Port("x", parse_type("bit")),), (Port("y", parse_type("bit")),),
                              b.finish([b.apply("not", x) if flip else x])))

    from circuitc.proof import verify
    wrong = replace(verify(negated(False), negated(True)), artefact=hashlib.sha256(TEXT).hexdigest())
    assert wrong.status == "different"
    made = certificate(Claim("c", "f.v", wrong))
    assert not made.meets("simulated")
    assert json.loads(made.to_bytes())["claims"][0]["evidence"] == "not_checked"


def test_what_was_read_back_is_bound_to_the_verdict() -> None:
    from circuitc.backends.verilog import VERILOG
    from circuitc.proof import verify_emitted
    b = Builder()
    x, y = b.input("x", parse_type("u3")), b.input("y", parse_type("i3"))
    product = b.apply("mul", x, y)
    module = module_of(Func("mul", (Port("x", parse_type("u3")), Port("y", parse_type("i3"))),
                            (Port("p", b.type(product)),), b.finish([product])))
    emission = VERILOG.emit(VERILOG.build(module, {}))
    verdict = verify_emitted(module, emission.files["mul.v"].decode(), emission.ports)
    made = certify(b"", emission.files, (), [Claim("mul.v equals the model", "mul.v", verdict)])
    assert made.meets("proved")
    assert made.claims[0].verdict.reader.startswith("Yosys ")
    assert made.to_bytes() == certify(b"", emission.files, (), made.claims).to_bytes()
    with pytest.raises(InternalError):
        certify(b"", {"mul.v": emission.files["mul.v"].replace(b"endmodule", b" endmodule")}, (), made.claims)
