;;;; Tests of SOCKETPOLL/USOCKET: a program of usocket's kind, its names alone.

(defpackage #:socketpoll/tests/usocket
  (:use #:common-lisp)
  (:local-nicknames (#:usocket #:socketpoll/usocket))
  (:import-from #:socketpoll/tests #:deftest #:is #:signals))

(in-package #:socketpoll/tests/usocket)

(deftest usocket-streams
  (usocket:with-socket-listener (listener #(127 0 0 1) usocket:*auto-port* :reuse-address t)
    (is (typep listener 'usocket:stream-server-usocket))
    (is (null (nth-value 1 (usocket:wait-for-input listener :timeout 0.02 :ready-only t))))
    (usocket:with-client-socket (client stream "127.0.0.1" (usocket:get-local-port listener)
                                        :timeout 5 :element-type 'character)
      (is (equal (list listener) (usocket:wait-for-input (list listener) :timeout 5 :ready-only t)))
      (usocket:with-connected-socket (served (usocket:socket-accept listener))
        (is (= (usocket:get-peer-port served) (usocket:get-local-port client)))
        (is (equalp #(127 0 0 1) (usocket:get-peer-address served)))
        (is (null (usocket:wait-for-input (list served) :timeout 0.02 :ready-only t)))
        (format stream "hello~%")
        (force-output stream)
        (is (equal (list served) (usocket:wait-for-input (list served listener) :timeout 5
                                                                                :ready-only t)))
        (is (string= "hello" (read-line (usocket:socket-stream served))))
        (usocket:socket-shutdown client :output)
        (is (equal (list served) (usocket:wait-for-input (list served) :timeout 5 :ready-only t)))
        (is (null (read-line (usocket:socket-stream served) nil)))))))

(deftest usocket-datagrams
  (let ((server (usocket:socket-connect nil nil :protocol :datagram :local-host "127.0.0.1"
                                                :local-port 0))
        (buffer (make-array 16 :element-type '(unsigned-byte 8))))
    (usocket:with-connected-socket (server server)
      (usocket:with-connected-socket
          (client (usocket:socket-connect "127.0.0.1" (usocket:get-local-port server)
                                          :protocol :datagram))
        (signals usocket:timeout-error (usocket:socket-receive server buffer 16 :timeout 0.02))
        (is (= 3 (usocket:socket-send client (coerce #(1 2 3) '(vector (unsigned-byte 8))) 3)))
        (multiple-value-bind (octets count host port) (usocket:socket-receive server buffer 16 :timeout 5)
          (is (eq octets buffer))
          (is (= 3 count))
          (is (equalp #(1 2 3) (subseq octets 0 count)))
          (usocket:socket-send server octets 2 :host host :port port))
        (is (= 2 (nth-value 1 (usocket:socket-receive client nil 16 :timeout 5))))))))

(deftest usocket-conditions
  (let ((port (usocket:with-socket-listener (listener "127.0.0.1" 0)
                (signals usocket:address-in-use-error
                         (usocket:socket-listen "127.0.0.1" (usocket:get-local-port listener)))
                (usocket:get-local-port listener))))
    (is (eq :refused (handler-case (usocket:socket-connect "127.0.0.1" port)
                       (usocket:connection-refused-error () :refused)))))
  (let ((listener (usocket:socket-listen "127.0.0.1" 0)))
    (usocket:socket-close listener)
    (signals usocket:bad-file-descriptor-error (usocket:socket-accept listener) "LISTENER")))
