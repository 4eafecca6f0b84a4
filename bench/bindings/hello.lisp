;;;; The hello of bench/hello.c in Lisp: sbcl --script hello.lisp PORT.
(require :asdf)
(asdf:load-asd (merge-pathnames "../../bindings/lisp/socketpoll.asd" *load-truename*))
(let ((*standard-output* (make-broadcast-stream)) (*error-output* (make-broadcast-stream)))
  (asdf:load-system "socketpoll"))
(socketpoll/net:with-http-server (server :port (parse-integer (car (last sb-ext:*posix-argv*))))
  (socketpoll/net:route server "GET" "/hello"
                        (lambda (request) (declare (ignore request)) (format nil "Hello~%"))))
