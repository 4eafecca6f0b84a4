"""The hello servers answer, with and without callbacks, over one connection and over many."""
import http.client
import sys

from example import Example


def ask(connection, path="/hello/you"):
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read()


def main(program):
    with Example(program, "0", handles_stop=False) as server:
        connections = [http.client.HTTPConnection("127.0.0.1", server.port) for _ in range(20)]
        for _ in range(10):
            for connection in connections:
                assert ask(connection) == (200, b"Hello\n")
        assert ask(connections[0], "/nothing")[0] == 404
        connections[0].request("POST", "/hello/you", body=b"x" * 1000)
        response = connections[0].getresponse()
        assert response.status == 405 and response.headers["Allow"] == "GET, HEAD, OPTIONS"
        response.read()
        assert ask(connections[0]) == (200, b"Hello\n")


main(sys.argv[1])
