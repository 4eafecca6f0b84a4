;;;; SOCKETPOLL/CL+SSL: the two calls of cl+ssl, usocket's companion, that secure the stream of a socket,
;;;; under their own names.

(defpackage #:socketpoll/cl+ssl
  (:use #:common-lisp)
  (:local-nicknames (#:sp #:socketpoll) (#:net #:socketpoll/net))
  (:export #:make-ssl-client-stream #:make-ssl-server-stream #:get-selected-alpn-protocol
           #:ssl-error #:ssl-error-verify))

(in-package #:socketpoll/cl+ssl)

(deftype ssl-error () "Whatever went wrong with TLS." 'sp:tls-error)
(deftype ssl-error-verify () "The peer's certificate is not good." 'sp:certificate-error)

(defun stream-socket (stream)
  (check-type stream net::socket-stream)
  (net::stream-connection stream))

(defun secured (stream tls external-format server-name)
  (let ((connection (stream-socket stream)))
    (unless (member external-format '(nil :default))
      (setf (net::stream-encoding stream)
            (if (consp external-format) (first external-format) external-format)))
    (net:socket-start-tls connection tls :server-name server-name)
    stream))

(defun make-ssl-client-stream (stream &key hostname (verify :required) certificate key password
                                        alpn-protocols external-format unwrap-stream-p)
  "STREAM, a connection's, once it is secured: the certificate must be for HOSTNAME, and from an
authority that the system trusts. There is no VERIFY but :REQUIRED; to trust others, or anybody, use
SOCKETPOLL/NET:SOCKET-START-TLS with a TLS of your own. UNWRAP-STREAM-P makes no difference."
  (declare (ignore unwrap-stream-p))
  (unless (eq verify :required)
    (error "There is no :VERIFY ~s here: see the :AUTHORITIES, the :PINS and the ~
:TRUST-ANYBODY-WITHOUT-VERIFICATION of SOCKETPOLL:MAKE-CLIENT-TLS." verify))
  (secured stream
           (if (or certificate alpn-protocols)
               (apply #'sp:make-client-tls :alpn alpn-protocols :password password
                      (and certificate (list :certificate certificate :key (or key certificate))))
               t)
           external-format hostname))

(defun make-ssl-server-stream (stream &key certificate key password alpn-protocols external-format
                                        unwrap-stream-p)
  "STREAM, an accepted connection's, once it is secured with the files CERTIFICATE and KEY, which are read
each time. A listener with :TLS reads them once, and resumes sessions."
  (declare (ignore unwrap-stream-p))
  (secured stream
           (sp:make-server-tls :certificate certificate :key (or key certificate) :password password
                               :alpn alpn-protocols)
           external-format nil))

(defun get-selected-alpn-protocol (stream)
  "The protocol that ALPN has found, or NIL."
  (sp:connection-tls-protocol (stream-socket stream)))
