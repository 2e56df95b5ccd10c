"""Verilog identifiers: legal in every tool, readable, unique, and the same each time."""

from __future__ import annotations

import re

# Words of Verilog-2001 and of SystemVerilog: Verilator and others read a .v file with the latter's words reserved too.
_WORDS = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind bins
binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config const
constraint context continue cover covergroup coverpoint cross deassign default defparam design disable dist do edge
else end endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup endinterface endmodule
endpackage endprimitive endprogram endproperty endsequence endspecify endtable endtask enum event eventually expect
export extends extern final first_match for force foreach forever fork forkjoin function generate genvar global
highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include initial inout input
inside instance int integer interconnect interface intersect join join_any join_none large let liblist library local
localparam logic longint macromodule matches medium modport module nand negedge nettype new nexttime nmos nor
noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive priority program
property protected pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase
randsequence rcmos real realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1
s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal showcancelled signed small
soft solve specify specparam static std string strong strong0 strong1 struct super supply0 supply1 sync_accept_on
sync_reject_on table tagged task this throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand
trior trireg type typedef union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void
wait wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""
KEYWORDS = frozenset(_WORDS.split())

MAX_LENGTH = 200  # some tools stop at 255, and suffixes must still fit
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OTHER = re.compile(r"[^A-Za-z0-9_]+")


def is_identifier(text: str) -> bool:
    """Tell whether a text is a Verilog identifier that needs no change."""
    return _PLAIN.fullmatch(text) is not None and text not in KEYWORDS and len(text) <= MAX_LENGTH


def sanitised(wish: str) -> str:
    """Turn any name into a legal identifier that still reads like it: `x.w[3]` becomes `x_w_3`."""
    name = _OTHER.sub("_", wish).strip("_" if not is_identifier(wish) else "") or "v"
    if name[0].isdigit():
        name = f"n{name}"
    name = name[:MAX_LENGTH]
    return f"{name}_" if name in KEYWORDS else name


class Names:
    """The identifiers taken so far in one scope; `take` gives the nearest free one to a wish."""

    def __init__(self, *reserved: str) -> None:
        self._taken = set(reserved)
        self._next: dict[str, int] = {}

    def take(self, wish: str) -> str:
        """Give a legal identifier near the wish that nobody else has."""
        base = name = sanitised(wish)
        count = self._next.get(base, 1)
        while name in self._taken:
            name, count = f"{base}_{count}", count + 1
        self._next[base] = count
        self._taken.add(name)
        return name


def one_line(text: str) -> str:
    """Keep a comment on its line, and ASCII, whatever names a model has."""
    return "".join(c if 32 <= ord(c) < 127 else "?" for c in text)
