;;;; Loads the binding and its tests, runs them and prints the counts: bindings/lisp/run-tests.

(require :asdf)
(require :sb-posix)
(require :sb-bsd-sockets)

(defvar *here* (make-pathname :name nil :type nil :defaults *load-truename*))
(asdf:load-asd (merge-pathnames "../socketpoll.asd" *here*))
(handler-bind ((warning (lambda (condition)
                          ;; Inlining a foreign function more often than a limit says is no matter.
                          (unless (typep condition 'style-warning)
                            (format *error-output* "~&warning: ~a~%" condition)))))
  (let ((*compile-verbose* nil) (*compile-print* nil))
    (asdf:load-system "socketpoll/tests")))
(uiop:symbol-call '#:socketpoll/tests '#:run-and-exit)
