"""Headless Chromium with the input of a user: a mouse, a keyboard, a small or a dark screen.

It speaks the Chrome DevTools Protocol over a pipe: JSON that ends with a zero byte, commands in on descriptor 3,
answers out on 4 (chromium/src, content/browser/devtools/devtools_pipe_handler.cc).
"""

import fcntl
import json
import os
import select
import time
from pathlib import Path
from typing import Any

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",  # WebGL without a GPU; Chromium would print a warning otherwise
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]
SECONDS = 800
CODES = {"Enter": (13, "\r"), " ": (32, " "), "Tab": (9, "")}


class Browser:
    """One page. `complaints` has its uncaught errors, its errors and warnings on the console, and the browser's own
    errors."""

    def __init__(self, chromium: str, profile: Path) -> None:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        # Moved to high numbers, away from the descriptors that they become.
        theirs_in, theirs_out = (_moved(each) for each in (theirs_in, theirs_out))
        self._process = os.posix_spawn(
            chromium,
            [chromium, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            dict(os.environ),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, theirs_in, 3),
                (os.POSIX_SPAWN_DUP2, theirs_out, 4),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = ours_in, ours_out
        self._unread = b""
        self._last = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Page"):
            self._call(f"{domain}.enable")

    def show(self, path: Path, *, width: int = 1100, dark: bool = False, phone: bool = False) -> None:
        """Open a page, and wait until its figures are drawn."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=phone)
        self.prefer(dark=dark)
        self._call("Page.navigate", url=path.as_uri())
        deadline = time.monotonic() + SECONDS
        while self.value("document.readyState") != "complete":
            assert time.monotonic() < deadline, "not loaded"
        self.value("drawn.then(() => null)")
        self._settle(300)

    def prefer(self, *, dark: bool) -> None:
        """Prefer dark or light pages."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        if self.value("typeof drawn") == "object":
            self._settle(1500)

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression, after its promise is settled."""
        found = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def point_at(self, element: str) -> None:
        """Scroll to an element, a JavaScript expression, and move the mouse to its middle."""
        box = f"(() => {{ const box = ({element}).getBoundingClientRect(); "
        middle = f"{box} return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        self.value(f"({element}).scrollIntoView({{block: 'center'}})")
        self._at = self.value(middle)
        for nearer in (3, 0):
            self._mouse("mouseMoved", self._at[0] - nearer, self._at[1] - nearer)
            self._settle(200)

    def click(self, element: str) -> None:
        """Click on an element with the mouse."""
        self.point_at(element)
        for what in ("mousePressed", "mouseReleased"):
            self._mouse(what, *self._at, button="left", clickCount=1)
        self._settle(300)

    def press(self, key: str) -> None:
        """Press a key; the focused element gets it."""
        code, text = CODES[key]
        self._call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, text=text)
        self._call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)
        self._settle(200)

    def type(self, text: str) -> None:
        """Type text into the focused element."""
        self._call("Input.insertText", text=text)

    def close(self) -> None:
        """End the browser."""
        self._session = None
        self._call("Browser.close")
        os.waitpid(self._process, 0)
        os.close(self._in)
        os.close(self._out)

    def _settle(self, milliseconds: int) -> None:
        self.value(f"new Promise(resolve => setTimeout(resolve, {milliseconds}))")

    def _mouse(self, what: str, x: float, y: float, **more: Any) -> None:
        self._call("Input.dispatchMouseEvent", type=what, x=x, y=y, **more)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._last:
            self._hear(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return dict(answer["result"])

    def _hear(self, event: dict[str, Any]) -> None:
        told, method = event.get("params", {}), event.get("method")
        if (
            method == "Runtime.exceptionThrown"
            or (method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"))
            or (method == "Log.entryAdded" and told["entry"]["level"] == "error")
        ):
            self.complaints.append(json.dumps(told)[:500])

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._in], [], [], SECONDS)
            assert ready, "the browser says nothing"
            more = os.read(self._in, 1 << 16)
            assert more, "the browser has ended"
            self._unread += more
        message, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(message))


def _moved(descriptor: int) -> int:
    """Move a descriptor to a number of at least 10."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved
