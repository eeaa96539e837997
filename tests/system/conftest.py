# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the system tests. ISOBAR_BIN: the programs to test (default build/release/bin)."""

import hashlib
import os
import re
import shutil
import signal

import pytest

from support.cluster import Cluster
from support.director import BIN, ROOT, Director, missing_programs
from support.lab import Lab
from support.process import PATIENCE
from support.twins import V4, V6, Twins

TEST_SECONDS = 120 * PATIENCE  # no test may take longer; the machine may be busy

# Only where there is the kernel's IPVS (ISOBAR_TWIN: see support/twins.py), VLAN devices, or where
# BPF programs of the type tracing may be loaded: containers and sandboxes often forbid them.
collect_ignore_glob = [name for name, needed in (
    ("test_compare*.py", {"VMRUN", "ISOBAR_TWIN"}),
    ("test_vlan.py", {"VMRUN"}),
    ("test_trace.py", {"VMRUN", "ISOBAR_TRACING"}),
) if not needed & set(os.environ)]


# Of several runs side by side the number, told as GoogleTest is, and a folder of all of them, in
# which each test is taken by the run that comes to it first, so that all end together.
SHARD = int(os.environ.get("GTEST_SHARD_INDEX", 0))
TAKEN = os.environ.get("ISOBAR_TESTS_TAKEN")


def is_alone(item):
    return item.get_closest_marker("alone") is not None


def taken(items):
    """One after the other, the tests that this run takes."""
    for item in items:
        if SHARD and is_alone(item):
            continue
        try:
            os.mkdir(os.path.join(TAKEN, hashlib.sha256(item.nodeid.encode()).hexdigest()))
        except FileExistsError:
            continue
        yield item


def pytest_runtestloop(session):
    """As pytest's own, but for what comes next, which is not known from the beginning."""
    if not TAKEN or session.config.option.collectonly or session.testsfailed:
        return None
    mine = taken(session.items)
    item = next(mine, None)
    while item:
        following = next(mine, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def pytest_collection_modifyitems(items):
    if TAKEN:  # what only the first run may take, and what is short, the scenarios of the twins
        items.sort(key=lambda item: (not is_alone(item), "pair" in item.fixturenames))
    # A capability that is missing skips with its name.
    reason = "needs root" if os.geteuid() != 0 else None
    if reason is None:
        for tool in ("ip", "nsenter", "tc", "bpftool", "ethtool", "nginx", "curl"):
            if not shutil.which(tool):
                reason = f"needs {tool}"
    for item in items:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionstart(session):
    # A shell's background jobs ignore SIGINT, and so would all that the tests start
    signal.signal(signal.SIGINT, signal.default_int_handler)
    missing = missing_programs()
    if missing and not session.config.option.collectonly:
        pytest.exit(f"not built: {', '.join(missing)} in {BIN} (cmake --build --preset release, "
                    "or set ISOBAR_BIN)", returncode=2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test keeps logs and state of its labs (they still live), and says where."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and report.when in ("setup", "call"):
        name = re.sub(r"\W+", "-", item.name).strip("-")
        for lab in Lab.living:
            directory = os.path.join(ROOT, "build", "evidence", f"{name}-{lab.prefix}")
            lab.keep_evidence(directory)
            report.sections.append(("evidence", directory))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """The deadline of a test: it fails, and its lab still cleans up."""
    def too_late(*_):
        raise TimeoutError(f"the test took more than {TEST_SECONDS} s")
    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(TEST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def lab():
    with Lab() as made:
        yield made


@pytest.fixture
def bare_cluster(lab):
    """The reference cluster without servers; nothing configured on the director."""
    made = Cluster(lab)
    made.director = Director(made.vs)
    # As an administrator does for IPVS; isobard does it by itself
    made.vs.sysctl("net.ipv4.ip_forward", 1)
    return made


@pytest.fixture
def cluster(bare_cluster):
    """The same with nginx and telnetd."""
    return bare_cluster.start_servers()


@pytest.fixture(scope="session")
def pair():
    """The kernel's IPVS and Isobar side by side. It takes a quarter of a minute to make."""
    with Lab() as made:
        yield Twins(made)


def scenario(pair, family):
    pair.begin(family)
    yield pair
    pair.clear_services()


@pytest.fixture
def twins(pair):
    yield from scenario(pair, V4)


@pytest.fixture
def twins6(pair):
    yield from scenario(pair, V6)
