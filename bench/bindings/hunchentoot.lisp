;;;; The same on Hunchentoot, a thread a connection: sbcl --script hunchentoot.lisp PORT.
(require :asdf)
(let ((*standard-output* (make-broadcast-stream)) (*error-output* (make-broadcast-stream)))
  (asdf:load-system "hunchentoot"))
(let ((server (make-instance 'hunchentoot:easy-acceptor
                             :address "127.0.0.1" :port (parse-integer (car (last sb-ext:*posix-argv*)))
                             :access-log-destination nil :message-log-destination nil
                             :taskmaster (make-instance 'hunchentoot:one-thread-per-connection-taskmaster
                                                        :max-thread-count 200 :max-accept-count 400))))
  (push (hunchentoot:create-prefix-dispatcher "/hello" (lambda ()
                                                         (setf (hunchentoot:content-type*) "text/plain")
                                                         (format nil "Hello~%")))
        hunchentoot:*dispatch-table*)
  (hunchentoot:start server)
  (loop (sleep 3600)))
