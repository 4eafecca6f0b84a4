;;;; Seed 000, "Zero-Copy Operations": from one descriptor to another inside the kernel.

(defpackage #:example-splice (:use #:common-lisp #:socketpoll/io))
(in-package #:example-splice)

(defvar source-fd)
(defvar dest-fd)

(with-io-context (ctx)
;; High-level zero-copy API
(splice-async ctx source-fd dest-fd 65536
  :flags '(:move :more)
  :on-complete (lambda (bytes-transferred)
                 (format t "Transferred ~D bytes~%" bytes-transferred)))
)
