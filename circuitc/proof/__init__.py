"""Show that nothing was lost: proofs, counterexamples, evidence and certificates."""

from circuitc.simulation.read_verilog import read_verilog

from .certificate import Certificate, Claim, certify
from .emitted import simulate_emitted, verify_emitted, verify_emitted_aiger, verify_emitted_blif
from .equivalence import read_design, verify
from .evidence import LEVELS, NOT_CHECKED, Evidence, parse_level, weakest
from .passes import prove_exact
from .proof_file import Proof, proof_json, proof_line, refuse_unwritable, refuse_unwritable_proof, write_proof
from .vcd import write_vcd
from .verdict import Counterexample, Verdict

__all__ = [
    "Certificate", "Claim", "Counterexample", "Evidence", "LEVELS", "NOT_CHECKED", "Proof", "Verdict", "certify",
    "parse_level", "proof_json", "proof_line", "prove_exact", "read_design", "read_verilog",
    "refuse_unwritable", "refuse_unwritable_proof", "simulate_emitted", "verify",
    "verify_emitted", "verify_emitted_aiger", "verify_emitted_blif", "weakest", "write_proof", "write_vcd",
]
