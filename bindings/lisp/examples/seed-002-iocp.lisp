;;;; Seed 002, "Basic IOCP Operations": Windows; elsewhere the port signals NOT-SUPPORTED.

(defpackage #:example-iocp (:use #:common-lisp) (:local-nicknames (#:iocp #:socketpoll/iocp)))
(in-package #:example-iocp)

(defvar completion-key 7)

;; Create IOCP and associate with socket
(iocp:with-iocp (iocp-handle)
  (let ((socket (iocp:create-tcp-socket)))
    (iocp:associate-socket iocp-handle socket completion-key)
    
    ;; Wait for completion
    (multiple-value-bind (result bytes key overlapped)
        (iocp:wait-for-completion iocp-handle 1000)
      (when (iocp:completion-success-p result)
        (format t "Operation completed: ~A bytes~%" bytes)))))
