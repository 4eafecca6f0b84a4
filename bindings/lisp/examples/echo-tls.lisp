;;;; Echo over TLS: a server, and a client that trusts one authority and no other.
;;;; (echo-tls:serve 7000 "chain.pem" "key.pem"), (echo-tls:ask 7000 "authority.pem" "hello")

(defpackage #:echo-tls (:use #:common-lisp #:socketpoll) (:local-nicknames (#:net #:socketpoll/net))
  (:export #:serve #:ask))
(in-package #:echo-tls)

(defun serve (port certificate key &optional (ready #'identity))
  "Serves PORT with the files CERTIFICATE and KEY until STOP-EVENT-LOOP; READY is called with the port and
the loop when it listens."
  (with-event-loop (loop)
    (let ((listener (listen-on "127.0.0.1" port
                               :tls (make-server-tls :certificate certificate :key key)
                               :on-connection (lambda (connection)
                                                (start-reading connection #'send-memory)))))
      (funcall ready (listener-port listener) loop)
      (run-event-loop loop))))

(defun ask (port authority text)
  "What the server says to TEXT, and the version of TLS."
  (let ((tls (make-client-tls :authorities authority :system-authorities nil)))
    (net:with-connection (connection "127.0.0.1" port :tls tls :timeout 10000)
      (let ((stream (net:socket-stream connection :timeout 10000)))
        (write-line text stream)
        (finish-output stream)
        (values (read-line stream) (connection-tls-version connection))))))
