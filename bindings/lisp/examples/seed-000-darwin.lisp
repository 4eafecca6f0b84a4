;;;; Seed 000, "Darwin Integration": the same over kqueue. Elsewhere the context signals NOT-SUPPORTED.

(defpackage #:example-darwin (:use #:common-lisp #:socketpoll/io))
(in-package #:example-darwin)

(defvar socket-fd)
(defvar buffer (allocate-buffer 4096))
(defun handle-data (bytes-read)
  (format t "Got ~a~%" (buffer-string buffer :end bytes-read)))

;; Same high-level API
(with-io-context (ctx :backend-type :darwin)
  (async-read socket-fd buffer
    :context ctx
    :on-complete #'handle-data))
