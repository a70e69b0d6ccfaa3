"""skopeo copying an image of ten layers out of the registry, tokens included: server CPU."""

import shutil
import subprocess
import time
from functools import partial
from pathlib import Path

from bench.figures import Figure
from bench.load import Load
from bench.peer import Peer
from bench.product import USER, Product, ProductError
from bench.rounds import Sample, figure, interleave, measure, middle
from bench.world import IMAGE, TAG, World

ROUNDS = 5
COPIES = 6  # a pass: one copy alone costs too few of the clock ticks that CPU time is counted in
IDLE = 5  # seconds
TIMEOUT = 60


def figures(world: World) -> list[Figure]:
    product, destination = world.product, world.directory / "copied"
    login = [f"--src-creds={USER}:{product.password}"]
    passes = {
        "ours": partial(_copies, product, destination, login, world),
        "peer": partial(_copies, world.peer, destination, ["--src-no-creds"], world),
    }
    product.settle()
    taken = interleave(passes, rounds=ROUNDS)
    tuned = _copies(world.tuned, destination, ["--src-no-creds"], world)
    idle = measure(product, partial(_nothing, IDLE))
    print(
        f"  {COPIES} copies: ours {middle(taken, Sample.seconds, 'ours'):.2f} s of wall time,"
        f" peer {middle(taken, Sample.seconds, 'peer'):.2f} s; tuned peer {tuned.cpu:.2f} s of CPU;"
        f" our stack takes {idle.cpu / IDLE:.3f} s of CPU a second when idle"
    )
    return [
        figure("skopeo copy of 10 layers out: server CPU", taken, lambda sample: sample.cpu, 0.40, "lower", unit="s")
    ]


def _nothing(seconds: int) -> Load:
    time.sleep(seconds)
    return Load(0, 0, seconds)


def _copies(side: Product | Peer, destination: Path, login: list[str], world: World) -> Sample:
    return measure(side, lambda: _copy(side.url, destination, login, world))


def _copy(url: str, destination: Path, login: list[str], world: World) -> Load:
    source = f"docker://{url.removeprefix('http://')}/{IMAGE}:{TAG}"
    begun = time.monotonic()
    for _ in range(COPIES):
        shutil.rmtree(destination, ignore_errors=True)
        command = ["skopeo", "copy", "--quiet", "--src-tls-verify=false", *login, source, f"dir:{destination}"]
        done = subprocess.run(command, check=False, timeout=TIMEOUT, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise ProductError(f"skopeo copy out of {url} failed")  # its command line has the password
    seconds = time.monotonic() - begun
    size = sum(blob.size for blob in world.image.blobs)
    return Load(COPIES, COPIES * size, seconds)
