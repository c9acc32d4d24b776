"""A user teaches on the command line: posts to come are marked so, and when it is undone they are not."""

from pathlib import Path

from tests.support.posts import line
from tests.support.scene import TERMINAL, Scene

BRANDS = """\
brands:
  - name: スーパーカップ
    id: supercup
    keywords: [スーパーカップ]
    watchlist: [a_journalist]
"""
TICKETS = "スーパーカップの抽選、発表が3日も遅れてるし問い合わせても返事がない"
MOULD = "スーパーカップのバニラにカビが生えてた。返金して"


def replay(scene: Scene, name: str, *texts: str) -> None:
    first = sum(map(ord, name)) * 10
    lines = [line(text, sequence=first + n, author=first + n) for n, text in enumerate(texts)]
    file = scene.folder / f"{name}.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    scene.replay(file)


def kinds(scene: Scene) -> list[tuple[str, bool, str]]:
    """Kind, whether in an incident, and the reason, in the order of ids."""
    listed = sorted(scene.posts(), key=lambda post: int(post["id"]))
    return [(post["kind"], post["incident"] is not None, post["reason"]) for post in listed]


def test_taught_posts_to_come_differ_and_undone_they_do_not(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.write("brands.yaml", BRANDS)
    scene.write("routes.yaml", TERMINAL)
    replay(scene, "a", TICKETS)
    [post] = scene.posts()
    assert post["kind"] == "complaint"
    done = scene.hikeshi("posts", "mark", post["id"], "--kind", "irrelevant", "--by", "yuki")
    assert done.returncode == 0, done.stderr
    [(kind, in_incident, reason)] = kinds(scene)
    assert (kind, in_incident) == ("irrelevant", False)
    assert reason == "not about the brand, as marked by yuki"
    [incident] = scene.incidents()
    assert (incident["status"], incident["post_count"]) == ("resolved", 0)
    assert "post_marked" in [event["event"] for event in incident["timeline"]]

    replay(scene, "b", TICKETS + "！", MOULD)
    assert [(kind, there) for kind, there, _ in kinds(scene)] == [
        ("irrelevant", False),
        ("irrelevant", False),
        ("complaint", True),
    ]
    assert "yuki" in kinds(scene)[1][2], "posts list says by whose mark it is kept out"

    [mark] = scene.rows("posts", "marks", "list")
    assert (mark["post"], mark["by"], mark["before"], mark["after"]) == (post["id"], "yuki", "complaint", "irrelevant")
    assert scene.hikeshi("posts", "marks", "undo", mark["id"], "--by", "mika").returncode == 0
    assert kinds(scene)[0][:2] == ("complaint", True)
    [undone] = scene.rows("posts", "marks", "list", "--all")
    assert undone["undone_by"] == "mika"
    replay(scene, "c", TICKETS + "…")
    assert kinds(scene)[-1][:2] == ("complaint", True)

    assert scene.hikeshi("purge", post["id"]).returncode == 0
    assert scene.rows("posts", "marks", "list", "--all") == []
