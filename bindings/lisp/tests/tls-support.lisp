;;;; What the tests of TLS share: an authority, certificates of it, and both sides of a connection.

(in-package #:socketpoll/tests)

(defvar *authority* nil "The PEM of an authority and of its key, made when they are first wanted.")

(defun authority ()
  (values-list (or *authority*
                   (setf *authority* (multiple-value-list
                                      (make-certificate "test authority" :kind :authority))))))

(defun days (count) (+ (get-universal-time) (* count 86400)))

(defun issue (names &rest options)
  "A certificate of the authority's and its key."
  (multiple-value-bind (issuer key) (authority)
    (apply #'make-certificate names :issuer issuer :issuer-key key options)))

(defun server-for (names &rest options)
  "TLS of a server with a certificate for NAMES."
  (multiple-value-bind (certificate key) (issue names)
    (apply #'make-server-tls :certificate certificate :key key options)))

(defun client-of-authority (&rest options)
  "TLS of a client that trusts the tests' authority and no other."
  (apply #'make-client-tls :system-authorities nil :authorities (values (authority)) options))

(defmacro with-secured-listener ((listener tls) &body body)
  `(net:with-listener (,listener "127.0.0.1" 0 :tls ,tls) ,@body))

(defun connect-to-listener (listener tls &rest options)
  "A future."
  (apply #'net:async-connect "127.0.0.1" (net:socket-port listener) :tls tls :timeout 20000 options))

(defun secured-pair (listener tls &rest options)
  "The client's connection and the server's."
  (let ((client (apply #'connect-to-listener listener tls options)))
    (values (net:await client 20000) (net:socket-accept listener :timeout 20000))))

(defmacro with-secured-pair ((client server) (server-tls client-tls &rest options) &body body)
  (let ((listener (gensym)))
    `(with-secured-listener (,listener ,server-tls)
       (multiple-value-bind (,client ,server) (secured-pair ,listener ,client-tls ,@options)
         (unwind-protect (progn ,@body)
           (close-object ,client)
           (close-object ,server))))))

(defun say-and-hear (from to text)
  "Sends a line, which TO has to get."
  (let ((out (net:socket-stream from :timeout 20000)) (in (net:socket-stream to :timeout 20000)))
    (write-line text out)
    (finish-output out)
    (string= text (read-line in))))

(defun run-until-true (function)
  (socketpoll::run-until (current-loop) function 20000))

(defun write-file (path text)
  (with-open-file (out path :direction :output :if-exists :supersede)
    (write-string text out))
  path)

(defun test-header-string (name)
  "The string that the variable NAME of the C tests' encrypted_key.h holds."
  (with-open-file (in (merge-pathnames "test/support/encrypted_key.h" (checkout)))
    (loop for line = (read-line in)
          until (search (format nil "char ~a[]" name) line))
    (with-output-to-string (out)
      (loop for line = (read-line in)
            for start = (position #\" line)
            while start
            do (let ((end (position #\" line :from-end t)))
                 (write-string (subseq line (1+ start) (- end 2)) out)
                 (terpri out))
            until (char= #\; (char line (1- (length line))))))))
