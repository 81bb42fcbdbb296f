"""The libraries that scientists read with: each opens files of a bundle by URI."""

import io
import os
import pickle

import fsspec
import pytest

pandas = pytest.importorskip("pandas")
numpy = pytest.importorskip("numpy")
pyarrow = pytest.importorskip("pyarrow")

pytestmark = pytest.mark.filterwarnings("default")  # those of the libraries are theirs

ROWS = 20_000


@pytest.fixture(scope="module")
def table():
    random = numpy.random.default_rng(7)
    columns = {"cell": [f"cell-{number}" for number in range(ROWS)], "reads": numpy.arange(ROWS)}
    return pandas.DataFrame(columns | {f"noise{number}": random.random(ROWS) for number in range(8)})


@pytest.fixture(scope="module")
def contents(table):
    parquet = {f"parts/{n}.parquet": _parquet(table[n * 5000 : (n + 1) * 5000]) for n in range(4)}
    return parquet | {"all.parquet": _parquet(table), "cells.csv": table.head(500).to_csv(index=False).encode()}


@pytest.fixture(scope="module")
def bundle(served, contents):
    return served.bundle(contents)


def _parquet(frame):
    target = io.BytesIO()
    frame.to_parquet(target, row_group_size=5000, index=False)
    return target.getvalue()


def test_pandas_reads_csv(deployment, bundle, table):
    found = pandas.read_csv(f"dss://{bundle}/cells.csv")
    pandas.testing.assert_frame_equal(found, table.head(500))
    found = pandas.read_csv(
        f"dss://{bundle}/cells.csv", storage_options={"tries": 3, "block_size": 10_000}, chunksize=90
    )
    assert sum(len(chunk) for chunk in found) == 500


def test_pandas_reads_parquet(deployment, bundle, table):
    pandas.testing.assert_frame_equal(pandas.read_parquet(f"dss://{bundle}/all.parquet"), table)


def test_a_file_of_a_node_is_read(deployment, contents, table):
    node = deployment.node(contents["cells.csv"], "cells.csv")
    pandas.testing.assert_frame_equal(pandas.read_csv(f"shock://_/{node}/cells.csv"), table.head(500))


def test_pyarrow_reads_columns_and_row_groups(deployment, bundle, table):
    from pyarrow import dataset, parquet

    fs = fsspec.filesystem("dss")
    found = parquet.read_table(f"{bundle}/all.parquet", filesystem=fs, columns=["reads"])
    assert found.column("reads").to_pylist() == list(range(ROWS))
    data = dataset.dataset(f"{bundle}/parts", filesystem=fs, format="parquet")
    assert data.count_rows() == ROWS
    assert data.to_table(columns=["cell"], filter=dataset.field("reads") == 12_345)["cell"].to_pylist() == [
        "cell-12345"
    ]


@pytest.mark.parametrize("options", [{"cache_type": "none"}, {"cache_type": "readahead", "block_size": 65_536}])
def test_one_column_takes_a_part_of_the_bytes(scripted, contents, options):
    from pyarrow import parquet

    path = scripted.serves({"all.parquet": contents["all.parquet"]})
    fs = fsspec.filesystem("dss", **options)
    found = parquet.read_table(f"{path}/all.parquet", filesystem=fs, columns=["reads"], pre_buffer=False)
    assert found.column("reads").to_pylist() == list(range(ROWS))
    assert scripted.sent() < len(contents["all.parquet"]) / 3
    assert len(scripted.look_ups()) == 1


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_dask_reads_with_several_workers(deployment, bundle, scheduler):
    dask = pytest.importorskip("dask")
    frames = pytest.importorskip("dask.dataframe")

    with dask.config.set(scheduler=scheduler, num_workers=2):
        data = frames.read_parquet(f"dss://{bundle}/parts/*.parquet", columns=["reads"])
        assert data.npartitions == 4
        assert data["reads"].sum().compute() == ROWS * (ROWS - 1) // 2
        found = frames.read_csv(f"dss://{bundle}/cells.csv", blocksize=20_000)
        assert found.npartitions > 1
        assert found["reads"].sum().compute() == 500 * 499 // 2


@pytest.fixture(scope="module")
def cells():
    anndata = pytest.importorskip("anndata")
    sparse = pytest.importorskip("scipy.sparse")

    return anndata.AnnData(sparse.random(200, 50, 0.2, format="csr", random_state=1))


def test_anndata_reads_h5ad(deployment, cells, tmp_path):
    import anndata

    cells.write_h5ad(tmp_path / "c.h5ad")
    bundle = deployment.bundle({"c.h5ad": (tmp_path / "c.h5ad").read_bytes()})
    with fsspec.open(f"dss://{bundle}/c.h5ad") as stream:
        found = anndata.read_h5ad(stream)
    assert (found.X != cells.X).nnz == 0
    import h5py

    with fsspec.open(f"dss://{bundle}/c.h5ad", block_size=4096) as stream, h5py.File(stream) as file:
        lazily = anndata.io.sparse_dataset(file["X"])
        assert (lazily[10:20] != cells.X[10:20]).nnz == 0
    cache = {"cache_storage": os.fspath(tmp_path / "cache")}
    with fsspec.open(f"simplecache::dss://{bundle}/c.h5ad", simplecache=cache) as stream:
        backed = anndata.read_h5ad(stream.name, backed="r")
        assert (cells.X[10:20] != backed[10:20].to_memory().X).nnz == 0
        backed.file.close()


def test_zarr_is_read_from_a_bundle(deployment, cells, tmp_path):
    anndata = pytest.importorskip("anndata")
    zarr = pytest.importorskip("zarr")

    with anndata.settings.override(zarr_write_format=3):  # names of the older one have dots that the DSS refuses
        cells.write_zarr(tmp_path / "c.zarr")
    files = [one for one in tmp_path.rglob("*") if one.is_file()]
    bundle = deployment.bundle({one.relative_to(tmp_path).as_posix(): one.read_bytes() for one in files})
    store = zarr.storage.FsspecStore.from_url(f"dss://{bundle}/c.zarr", read_only=True)
    found = anndata.io.read_zarr(zarr.open_group(store, mode="r"))
    assert (found.X != cells.X).nnz == 0


def test_a_dataset_is_pickled_with_its_file_system(deployment, bundle):
    from pyarrow import dataset

    data = dataset.dataset(f"{bundle}/all.parquet", filesystem=fsspec.filesystem("dss"), format="parquet")
    assert pickle.loads(pickle.dumps(data)).count_rows() == ROWS
