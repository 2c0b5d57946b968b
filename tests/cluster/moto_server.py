"""An S3 server on this machine, for tests."""

import gc
from contextlib import contextmanager
from urllib.request import Request, urlopen

BUCKET = "bucket"


@contextmanager
def serving(monkeypatch):
    """Serve an empty bucket, and have this process's environment lead there."""
    import boto3
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    # What an earlier server held, and what leads to it.
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield boto3.client("s3")
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        gc.collect()  # its sessions, which warn, while the test that opened them ignores that
        server.stop()
