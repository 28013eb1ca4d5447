"""Memory, disk, power, sleep and heat with stand-ins."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from sixgig.command.doctor import machine

MIB = 2**20


@pytest.mark.parametrize(
    ("available", "swap", "level"), [(5000, 0, "ok"), (3000, 2000, "warning"), (3000, 500, "error")]
)
def test_memory(available, swap, level):
    finding = machine.check_memory(available * MIB, swap * MIB, 4000, "encode_images")
    assert finding.level == level
    assert "the largest job takes 4000 (encode_images)" in finding.text
    assert (finding.next_step == "") == (level == "ok")


@pytest.mark.parametrize(
    ("free", "needed", "level"),
    [(900, 1000, "error"), (1100, 1000, "warning"), (1300, 1000, "ok"), (4000, None, "warning"), (6000, None, "ok")],
)
def test_disk(free, needed, level):
    finding = machine.check_disk(free * MIB, needed, Path("/data"))
    assert finding.level == level
    assert f"{free} MiB free in /data" in finding.text


@pytest.mark.parametrize(
    ("battery", "level", "said"),
    [
        (None, "ok", "mains"),
        (SimpleNamespace(percent=80, power_plugged=True), "ok", "plugged in, battery at 80%"),
        (SimpleNamespace(percent=9, power_plugged=True), "warning", "battery at 9%"),
        (SimpleNamespace(percent=80, power_plugged=False), "warning", "on battery, at 80%"),
    ],
)
def test_power(battery, level, said):
    finding = machine.check_power(battery)
    assert (finding.level, said in finding.text) == (level, True)


def test_settings_of_the_lid(tmp_path):
    early, late, file = tmp_path / "usr", tmp_path / "etc", tmp_path / "logind.conf"
    folders = (str(late), str(early))
    assert machine.lid_action(True, folders, str(file)) == "suspend"
    file.write_text("[Login]\n#HandleLidSwitch=lock\nHandleLidSwitch=hibernate\n")
    assert machine.lid_action(True, folders, str(file)) == "hibernate"
    early.mkdir()
    (early / "a.conf").write_text("[Login]\nHandleLidSwitchExternalPower=ignore\n")
    assert machine.lid_action(True, folders, str(file)) == "ignore"
    assert machine.lid_action(False, folders, str(file)) == "hibernate"
    late.mkdir()
    (late / "a.conf").write_text("[Login]\nHandleLidSwitch=lock\n")  # hides the file of the same name
    assert machine.lid_action(True, folders, str(file)) == "lock"
    (late / "b.conf").write_text("no settings")
    assert machine.lid_action(True, folders, str(file)) == "lock"


@pytest.mark.parametrize(
    ("has_lid", "action", "inhibitors", "level"),
    [
        (False, "suspend", "", "ok"),
        (True, "suspend", "", "warning"),
        (True, "ignore", "", "ok"),
        (True, "suspend", "sixgig 0 root 12 python sleep:handle-lid-switch night block\n", "ok"),
        (True, "suspend", "NetworkManager 0 root 9 NM sleep turn off delay\n", "warning"),
    ],
)
def test_sleep(has_lid, action, inhibitors, level):
    finding = machine.check_sleep(has_lid, action, inhibitors)
    assert finding.level == level
    assert ("systemd-inhibit --what=handle-lid-switch" in finding.next_step) == (level == "warning")


def reading(current, high=None, critical=None, label="Core 0"):
    return SimpleNamespace(current=current, high=high, critical=critical, label=label)


@pytest.mark.parametrize(
    ("sensors", "levels", "said"),
    [
        ({}, [], ""),
        ({"coretemp": [reading(50, 80, 100), reading(61, 80, 100)]}, ["ok"], "at most 61"),
        ({"coretemp": [reading(50, 80), reading(85, 80, label="Core 1")]}, ["warning"], "Core 1 has 85"),
        ({"nvme": [reading(91, label="")]}, ["warning"], "nvme has 91"),
        ({"odd": [reading(50, 65261.8)]}, ["ok"], "at most 50"),  # a limit that a sensor makes up
    ],
)
def test_heat(sensors, levels, said):
    found = list(machine.check_heat(sensors))
    assert [finding.level for finding in found] == levels
    assert said in "".join(finding.text for finding in found)
