"""The directories that names make, for every plugin with a file system."""

import errno
import pickle

import pytest

from hca_core import filesystem
from hca_core.content import Promise
from hca_core.errors import ExitStatus, HCAError
from hca_core.filesystem import Container, RemoteFile

FILE = RemoteFile(("key",), Promise(1))


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../b", "a//b", "a/", ".", "c\x00d"])
def test_a_name_that_leads_elsewhere_makes_no_container(name):
    with pytest.raises(HCAError, match="file name"):
        Container({"fine": FILE, name: FILE})


def test_what_is_one_file_may_be_called_anything():
    container = Container({"": FILE, "../up": FILE})
    assert [one["name"] for one in container.infos("top/node", "")] == ["top/node"]
    assert container.info("top/node", "../up")["type"] == "file"


@pytest.mark.parametrize(
    ("kind", "number", "known_as", "status"),
    [
        (filesystem.FileMissingError, errno.ENOENT, FileNotFoundError, ExitStatus.NOT_FOUND),
        (filesystem.AccessRefusedError, errno.EACCES, PermissionError, ExitStatus.LOGIN),
        (filesystem.IsFolderError, errno.EISDIR, IsADirectoryError, ExitStatus.USAGE),
        (filesystem.ReadOnlyError, errno.EROFS, OSError, ExitStatus.USAGE),
    ],
)
def test_errors_are_the_same_in_another_process(kind, number, known_as, status):
    for error in (kind("what", hint="next"), pickle.loads(pickle.dumps(kind("what", hint="next")))):
        assert isinstance(error, known_as)
        assert (str(error), error.hint, error.errno, error.exit_status) == ("what", "next", number, status)
