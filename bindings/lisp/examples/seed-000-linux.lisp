;;;; Seed 000, "Linux Integration": a read in a context. SOCKET-FD is a connected descriptor.

(defpackage #:example-linux (:use #:common-lisp #:socketpoll/io))
(in-package #:example-linux)

(defvar socket-fd)
(defun process-data (buffer bytes-read)
  (format t "Got ~a~%" (buffer-string buffer :end bytes-read)))

;; epsilon.io provides the high-level API
(with-io-context (ctx :backend-type :linux)
  (let ((buffer (allocate-buffer 4096)))
    (async-read socket-fd buffer
      :context ctx
      :on-complete (lambda (bytes-read)
                     (process-data buffer bytes-read)))))
