"""What artifacts tell of themselves: attributes of their config, build history, and what is in charts and models."""

import gzip
import json

import pytest

from artifacts import configs, store
from artifacts.models import Manifest
from oci.errors import Unavailable
from projects.models import Project
from rbac.models import User
from tests.api.caller import Caller, error_of, make_caller
from tests.artifacts.test_archives import header, pack
from tests.artifacts.test_charts import CHART
from tests.buckets import bucket, s3_distribution, s3_server  # noqa: F401
from tests.door import Door, image, unique
from tests.flows.content import OCI_CONFIG, OCI_MANIFEST, Content
from tests.people import join, make_project

pytestmark = pytest.mark.django_db

HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
MODEL_CONFIG = "application/vnd.cncf.model.config.v1+json"
META = {"name": "app", "version": "1.10.0", "appVersion": "2.0", "apiVersion": "v2", "description": "a chart"}
FILES = {"app/Chart.yaml": CHART, "app/values.yaml": b"a: 1 # \xc3\xa4\n", "app/README.md": b"# App\n"}


@pytest.fixture
def name() -> str:
    return f"charts/{unique()}"


@pytest.fixture
def dev(project) -> Caller:
    caller, user = make_caller("dev")
    join(project, user, "developer")
    return caller


def chart(archive: bytes, config: bytes | None = None) -> Content:
    """A chart as Helm pushes it, tagged `v1`."""
    content = Content()
    made = content.add_blob(json.dumps(META).encode() if config is None else config, HELM_CONFIG)
    layer = content.add_blob(archive, HELM_CHART)
    content.add_manifest({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": made, "layers": [layer]})
    return content.tag("v1")


def home(name: str) -> str:
    return f"projects/library/repositories/{name.replace('/', '%252F')}/artifacts"


def additions(caller: Caller, name: str) -> dict[str, tuple[str, bytes]]:
    """Every addition that the artifact `v1` links to."""
    shape = caller.get(f"{home(name)}/v1").json()
    found = {}
    for addition, link in shape["addition_links"].items():
        answer = caller.get(link["href"].removeprefix("/api/v2.0/"))
        assert answer.status_code == 200, answer.content
        assert answer["X-Content-Type-Options"] == "nosniff"
        found[addition] = (answer["Content-Type"], answer.content)
    return found


def check_chart(dev: Caller, name: str) -> None:
    found = additions(dev, name)
    assert found["values.yaml"] == ("text/plain; charset=utf-8", FILES["app/values.yaml"])
    assert found["readme.md"] == ("text/markdown; charset=utf-8", b"# App\n")
    assert found["dependencies"][0] == "application/json; charset=utf-8"
    assert [each["name"] for each in json.loads(found["dependencies"][1])] == ["redis", "common"]
    assert len(found) == 3
    rows = dev.get(home(name)).json()
    assert {row["type"] for row in rows} == {"CHART"}
    assert all(row["extra_attrs"] == META for row in rows)


def test_a_chart_shows_what_is_in_it(dev, upstream, name):
    Door(f"library/{name}").push(chart(pack(FILES)))
    check_chart(dev, name)


def test_a_chart_in_an_object_store_shows_it_too(dev, connect, s3_distribution, name):  # noqa: F811
    connect(s3_distribution, **s3_distribution.storage)
    Door(f"library/{name}").push(chart(pack(FILES)))
    check_chart(dev, name)


def test_a_chart_by_sha512_shows_it_too(dev, upstream, name):
    content = chart(pack(FILES))
    again = Content(algorithm="sha512")
    config, archive = content.blobs.values()
    parts = {"config": again.add_blob(config, HELM_CONFIG), "layers": [again.add_blob(archive, HELM_CHART)]}
    again.add_manifest({"schemaVersion": 2, "mediaType": OCI_MANIFEST, **parts})
    Door(f"library/{name}").push(again.tag("v1"))
    check_chart(dev, name)


def test_a_chart_without_readme_values_and_needs_has_empty_ones(dev, upstream, name):
    Door(f"library/{name}").push(chart(pack({"app/Chart.yaml": b"name: app"}), b"[]"))
    found = additions(dev, name)
    assert [content for _, content in found.values()] == [b"", b"", b"[]"]
    assert dev.get(f"{home(name)}/v1").json()["extra_attrs"] == {}


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"no archive", "no tar archive|too early"),
        (gzip.compress(header(b"app/zeros", 2**33) + bytes(100 * 2**20)), "larger than 67108864 bytes when unpacked"),
        (pack({"app/values.yaml": bytes(2**20 + 1), "app/README.md": bytes(2**20 + 1)}), "more than 1048576"),
    ],
)
def test_a_hostile_archive_is_refused(dev, upstream, name, archive, words):
    Door(f"library/{name}").push(chart(archive))
    for addition in ("values.yaml", "readme.md"):
        answer = dev.get(f"{home(name)}/v1/additions/{addition}")
        assert error_of(answer) == (400, "BAD_REQUEST")
        assert any(word in answer.json()["errors"][0]["message"] for word in words.split("|"))


def test_a_layer_that_is_too_large_is_not_read(dev, upstream, name, monkeypatch):
    Door(f"library/{name}").push(chart(pack(FILES)))
    monkeypatch.setattr("artifacts.additions.PACKED", 100)
    assert error_of(dev.get(f"{home(name)}/v1/additions/values.yaml")) == (400, "BAD_REQUEST")


def test_a_chart_whose_data_is_gone_is_not_found(dev, upstream, name):
    content = Door(f"library/{name}").push(chart(pack(FILES)))
    for digest in content.blobs:
        (upstream / "blobs/sha256" / digest[7:9] / digest[7:] / "data").unlink()
    assert error_of(dev.get(f"{home(name)}/v1/additions/values.yaml"))[0] == 404
    assert dev.get(f"{home(name)}/v1").json()["extra_attrs"] == META


def test_a_chart_that_is_none_is_not_found(dev, upstream, name):
    content = Content()
    config = content.add_blob(b"{}", HELM_CONFIG)
    layer, _ = content.add_layer()
    content.add_manifest({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]})
    Door(f"library/{name}").push(content.tag("v1"))
    assert error_of(dev.get(f"{home(name)}/v1/additions/values.yaml"))[0] == 404


@pytest.mark.parametrize("addition", ["values.yaml", "readme.md", "dependencies", "license", "files"])
def test_an_image_has_no_addition_of_other_kinds(dev, upstream, name, addition):
    content = image(tag="v1")
    content.tag("multi", content.add_index([content.top]))
    Door(f"library/{name}").push(content)
    answer = dev.get(f"{home(name)}/v1/additions/{addition}")
    assert error_of(answer) == (400, "BAD_REQUEST")
    assert answer.json()["errors"][0]["message"] == f"addition {addition} isn't supported for IMAGE"
    assert list(dev.get(f"{home(name)}/v1").json()["addition_links"]) == ["build_history"]
    assert error_of(dev.get(f"{home(name)}/multi/additions/build_history"))[0] == 400
    assert dev.get(f"{home(name)}/multi").json()["addition_links"] == {}
    assert error_of(dev.get(f"{home(name)}/v1/additions/sbom"))[0] == 501


def test_a_model_shows_its_files_readme_and_license(dev, upstream, name):
    content = Content()
    config = content.add_blob(b'{"descriptor": {"name": "tiny"}, "modelfs": {"type": "layers"}}', MODEL_CONFIG)

    def layer(path: str, payload: bytes, kind: str) -> dict[str, object]:
        made = content.add_blob(payload, f"application/vnd.cncf.model.{kind}")
        return made | {"annotations": {"org.cncf.model.filepath": path}}

    layers = [
        layer("README.md", pack({"README.md": b"# Tiny"}, compressed=False), "doc.v1.tar"),
        layer("LICENSE", b"free", "doc.v1.raw"),
        layer("weights/a.bin", b"0123", "weight.v1.raw"),
        layer("weights/../b.bin", b"01234", "weight.v1.raw"),
        layer("weights", b"a file like the folder", "weight.v1.raw"),
        layer("/".join("abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"), b"deep", "weight.v1.raw"),
        content.add_blob(b"unnamed", "application/vnd.cncf.model.weight.v1.raw"),
    ]
    content.add_manifest({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers})
    Door(f"library/{name}").push(content.tag("v1"))
    found = additions(dev, name)
    assert found["readme.md"] == ("text/markdown; charset=utf-8", b"# Tiny")
    assert found["license"] == ("text/plain; charset=utf-8", b"free")
    assert json.loads(found["files"][1]) == [
        {"name": "LICENSE", "type": "file", "size": 4},
        {"name": "README.md", "type": "file", "size": layers[0]["size"]},
        {"name": "weights", "type": "directory", "children": [
            {"name": "a.bin", "type": "file", "size": 4}, {"name": "b.bin", "type": "file", "size": 5},
        ]},
    ]  # fmt: skip
    shape = dev.get(f"{home(name)}/v1").json()
    assert (shape["type"], shape["extra_attrs"]["descriptor"]) == ("CNAI", {"name": "tiny"})


def push_config(name: str, config: bytes, media_type: str = OCI_CONFIG) -> None:
    content = Content()
    made = content.add_blob(config, media_type)
    content.add_manifest({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": made, "layers": []})
    Door(f"library/{name}").push(content.tag("v1"))


def test_an_images_attributes_are_in_a_list_too(dev, upstream, name):
    config = {"architecture": "arm64", "os": "linux", "author": "A", "created": "2024-01-01T00:00:00Z",
              "config": {"Env": ["A=b"]}, "history": [{"created_by": "x"}], "rootfs": {}}  # fmt: skip
    push_config(name, json.dumps(config).encode())
    [row] = dev.get(home(name)).json()
    assert row["extra_attrs"] == {key: config[key] for key in ("architecture", "author", "created", "os", "config")}
    assert dev.get(f"{home(name)}/v1").json()["extra_attrs"] == row["extra_attrs"]


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        (b'{"os": "linux\\u0000\\ud800", "author": "x"}', {"os": "linux\ufffd?", "author": "x"}),
        (b'{"os": NaN}', {}),
        (b'{"os": 1e999}', {}),
        (b'{"os": ' + b"9" * 5000 + b"}", {}),
        (b'{"os": ' + b"[" * 500 + b"]" * 500 + b"}", {}),
        (b'{"os": ' + b"[" * 50_000, {}),
        (b"[1]", {}),
        (b"no JSON", {}),
        (b"\xff\xfe", {}),
        (json.dumps({"os": "linux", "config": {"Env": ["x" * 100_000]}}).encode(), {"os": "linux"}),
        (b'{"os": "' + b"x" * (5 * 1024 * 1024) + b'"}', {}),
    ],
)
def test_a_hostile_config_keeps_nobody_from_pushing(dev, upstream, name, config, kept):
    push_config(name, config)
    [row] = dev.get(home(name)).json()
    assert row["extra_attrs"] == kept
    assert dev.get(f"{home(name)}/v1").json()["extra_attrs"] == kept
    assert dev.get(f"{home(name)}/v1/additions/build_history").json() == []


def test_a_push_goes_on_while_configs_can_not_be_read(dev, upstream, name, monkeypatch):
    def away(*args, **options):
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(store, "read_blob", away)
        push_config(name, b'{"os": "linux"}')
        assert dev.get(home(name)).json()[0]["extra_attrs"] == {}
        assert dev.get(f"{home(name)}/v1").json()["extra_attrs"] == {}
        assert configs.read_missing() == 0
    assert dev.get(f"{home(name)}/v1").json()["extra_attrs"] == {"os": "linux"}
    assert configs.read_missing() == 1
    assert configs.read_missing() == 0
    assert dev.get(home(name)).json()[0]["extra_attrs"] == {"os": "linux"}


def test_configs_of_manifests_from_before_are_read_bit_by_bit(dev, upstream, project, name, monkeypatch):
    monkeypatch.setattr(configs, "_BATCH", 2)
    for number in range(5):
        push_config(name, json.dumps({"os": str(number)}).encode())
    Manifest.objects.update(attributes=None)
    assert configs.read_missing(seconds=0) == 0
    assert configs.read_missing() == 5
    assert sorted(row["extra_attrs"]["os"] for row in dev.get(home(name)).json()) == list("01234")


def test_additions_of_a_hidden_artifact_are_hidden(alice, dev, upstream, project, name):
    Door(f"library/{name}").push(chart(pack(FILES)))
    Project.objects.update(public=False)
    for reference in ("v1", "none"):
        assert error_of(alice.get(f"{home(name)}/{reference}/additions/values.yaml")) == (403, "FORBIDDEN")
    join(make_project("other"), User.objects.get(username="alice"), "maintainer")
    assert error_of(alice.get(f"{home(name)}/v1/additions/values.yaml")) == (403, "FORBIDDEN")


def test_a_store_that_is_away_is_an_outage_and_read_later(dev, connect, s3_distribution, name):  # noqa: F811
    connect(s3_distribution, **s3_distribution.storage)
    Door(f"library/{name}").push(chart(pack(FILES)))
    Manifest.objects.update(attributes=None)
    connect(s3_distribution, **s3_distribution.storage | {"S3_REGIONENDPOINT": "http://127.0.0.1:9"})
    assert error_of(dev.get(f"{home(name)}/v1/additions/values.yaml")) == (503, "UNAVAILABLE")
    assert dev.get(f"{home(name)}/v1").json()["extra_attrs"] == {}
    assert configs.read_missing() == 0
    connect(s3_distribution, **s3_distribution.storage)
    assert configs.read_missing() == 1
    check_chart(dev, name)
