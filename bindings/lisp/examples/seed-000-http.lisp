;;;; Seed 000, "HTTP Server Integration": (start-modern-http-server 8080).

(defpackage #:example-http (:use #:common-lisp #:socketpoll/io)
  (:export #:start-modern-http-server))
(in-package #:example-http)

(declaim (ftype function handle-client))

(defun process-http-request (buffer bytes-read)
  "Answers whatever was asked for, to the connection whose read has completed: *SOCKET*."
  (declare (ignore buffer bytes-read))
  (let ((client *socket*) (end (coerce '(#\Return #\Newline) 'string)))
    (async-write client (concatenate 'string "HTTP/1.1 200 OK" end "Content-Length: 5" end end
                                     "Hello")
                 :on-complete (lambda (bytes-written)
                                (declare (ignore bytes-written))
                                (close-connection client)))))

;; High-level epsilon.io API
(defun start-modern-http-server (port)
  (with-io-context (ctx)  ; Auto-selects best platform backend
    (let ((server-socket (create-server-socket port))
          (buffer-pool (make-buffer-pool :size 8192 :count 1000)))
      
      (async-accept server-socket
        :context ctx
        :on-complete (lambda (client-socket)
                       (handle-client ctx client-socket buffer-pool))))))

(defun handle-client (ctx client buffer-pool)
  (with-pooled-buffer (buffer buffer-pool)
    (async-read client buffer
      :context ctx
      :on-complete (lambda (bytes-read)
                     (if (> bytes-read 0)
                         (process-http-request buffer bytes-read)
                         (close-connection client))))))
