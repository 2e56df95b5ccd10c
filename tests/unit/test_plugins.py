"""Names of formats, passes and backends: ours, other packages', and unknown ones."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

import circuitc.plugins as plugins
from circuitc.diagnostics import CircuitError
from circuitc.plugins import BACKENDS, FORMATS, PASSES, load_plugin, plugin_names


@pytest.mark.parametrize(("kind", "table"), [("format", FORMATS), ("pass", PASSES), ("backend", BACKENDS)])
def test_every_row_leads_somewhere(kind: plugins.PluginKind, table: dict[str, str]):
    for name in table:
        loaded = load_plugin(kind, name)
        own = loaded.name() if kind == "pass" else loaded.name
        assert own == name


def test_nothing_is_imported_before_it_is_asked_for():
    code = ("import sys, circuitc.plugins as p; assert not [m for m in sys.modules if m.startswith('circuitc.') "
            "and m not in ('circuitc.plugins', 'circuitc.diagnostics')]; assert 'numpy' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(CircuitError) as caught:
        load_plugin("pass", "strsh")
    assert str(caught.value) == "there is no pass named 'strsh' (help: did you mean strash?)"


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that other packages bring formats."""
    group = "circuitc.formats"
    entries = [EntryPoint("zed", "json:loads", group), EntryPoint("aiger", "json:dumps", group),
               EntryPoint("gone", "no_such_module_at_all:F", group), EntryPoint("half", "json:no_such_name", group)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: [e for e in entries if e.group == group])


@pytest.mark.usefixtures("foreign")
def test_other_packages_add_names_and_never_take_ours():
    import json
    assert plugin_names("format") == (*FORMATS, "gone", "half", "zed")
    assert load_plugin("format", "zed") is json.loads
    assert load_plugin("format", "aiger") is not json.dumps


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize(("name", "message"), [
    ("gone", "the format gone of package no_such_module_at_all cannot be imported: No module named "
     "'no_such_module_at_all' (help: update or remove no_such_module_at_all)"),
    ("half", "the format half of package json cannot be imported: module 'json' has no attribute 'no_such_name' "
     "(help: update or remove json)")])
def test_a_broken_package_is_named(name: str, message: str):
    with pytest.raises(CircuitError) as caught:
        load_plugin("format", name)
    assert str(caught.value) == message
