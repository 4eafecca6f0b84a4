;;;; The systems of the binding: socketpoll itself and its tests.

(asdf:defsystem "socketpoll"
  :description "Networking on libsocketpoll: event loop, sockets, futures, HTTP server."
  :license "MIT"
  :version "0.1.0"
  :pathname "src/"
  :serial t
  ;; Notes on efficiency are for who works on a file, not for who installs it.
  :around-compile (lambda (compile)
                    (handler-bind ((sb-ext:compiler-note #'muffle-warning)) (funcall compile)))
  :components ((:file "packages")
               (:file "library")
               (:file "raw")
               (:file "image")
               (:file "conditions")
               (:file "memory")
               (:file "loop")
               (:file "events")
               (:file "operations")
               (:file "sockets")
               (:file "tls")
               (:file "secured")
               (:file "timers")
               (:file "datagrams")
               (:file "io")
               (:file "futures")
               (:file "net")
               (:file "stream")
               (:file "http")
               (:file "http-body")
               (:file "http-server")
               (:file "iocp")))

(asdf:defsystem "socketpoll/usocket"
  :description "The names of usocket and of cl+ssl over socketpoll."
  :depends-on ("socketpoll")
  :pathname "src/"
  :components ((:file "usocket")
               (:file "cl+ssl")))

(asdf:defsystem "socketpoll/tests"
  :depends-on ("socketpoll" "socketpoll/usocket" "sb-posix" "sb-bsd-sockets")
  :pathname "tests/"
  :serial t
  :around-compile (lambda (compile)
                    (handler-bind ((sb-ext:compiler-note #'muffle-warning)) (funcall compile)))
  :components ((:file "framework")
               (:file "core")
               (:file "io")
               (:file "net")
               (:file "http")
               (:file "http-more")
               (:file "runs")
               (:file "robust")
               (:file "usocket")
               (:file "examples")
               (:file "tls-support")
               (:file "tls")
               (:file "tls-failures")
               (:file "tls-http")
               (:file "page")))
