;;;; Tests of HTTP servers over TLS.

(in-package #:socketpoll/tests)

(defun ask-securely (port client &key server-name)
  "What a GET is answered, and the fingerprint of the certificate."
  (net:with-connection (connection "127.0.0.1" port :tls client :server-name server-name :timeout 20000)
    (let ((stream (net:socket-stream connection :timeout 20000)))
      (format stream "GET / HTTP/1.1~c~%Host: a~c~%Connection: close~c~%~c~%" #\Return #\Return #\Return
              #\Return)
      (finish-output stream)
      (values (with-output-to-string (out)
                (loop for line = (read-line stream nil) while line do (write-line line out)))
              (let ((certificate (connection-certificate connection)))
                (and certificate (certificate-fingerprint certificate)))
              (connection-tls-resumed-p connection)))))

(defun add-safe-route (server) (net:route server :get "/" (constantly "safe")))

(deftest https-with-a-configuration
  (with-folder (folder)
    (let* ((client (client-of-authority :sessions 0))
           (chain (concatenate 'string folder "chain")) (key (concatenate 'string folder "key")))
      (flet ((renew ()
               (multiple-value-bind (certificate private) (issue "127.0.0.1")
                 (write-file chain certificate)
                 (write-file key private)
                 (certificate-fingerprint certificate))))
        (let* ((first (renew)) (tls (make-server-tls :certificate chain :key key))
               (server (net:start-http-server 'add-safe-route :tls tls))
               (port (net:http-server-port server)))
          (unwind-protect
               (flet ((answered (fingerprint)
                        (multiple-value-bind (answer shown) (ask-securely port client)
                          (is (found-in answer "safe"))
                          (is (string= shown fingerprint)))))
                 (answered first)
                 (let ((second (renew)))
                   ;; From another thread than the server's.
                   (reload-tls tls)
                   (answered second)))
            (net:stop-http-server server)))))))

(deftest https-workers-share-their-tickets
  (with-folder (folder)
    (multiple-value-bind (certificate key) (issue "127.0.0.1")
      (let* ((server (net:start-http-server
                      'add-safe-route :workers 3
                      :cert-file (write-file (concatenate 'string folder "chain") certificate)
                      :key-file (pathname (write-file (concatenate 'string folder "key") key))))
             (port (net:http-server-port server)) (client (client-of-authority)))
        (unwind-protect
             (progn
               (is (not (nth-value 2 (ask-securely port client))))
               (loop repeat 12 do (is (nth-value 2 (ask-securely port client)))))
          (net:stop-http-server server))))))

(deftest https-knows-its-client
  (flet ((who (request)
           (format nil "~a ~a ~a" (net:request-tls-version request)
                   (net:request-tls-server-name request)
                   (let ((certificate (net:request-certificate request)))
                     (and certificate (found-in (describe-certificate certificate) "somebody") t)))))
    (let* ((kept nil) (tls (server-for "localhost" :authorities (values (authority))
                                                   :client-certificates :required))
           (server (net:start-http-server (lambda (server)
                                            (net:route server :get "/" (lambda (request)
                                                                         (setf kept request)
                                                                         (who request))))
                                          :tls tls))
           (client (multiple-value-bind (certificate key) (issue "somebody" :kind :client)
                     (client-of-authority :certificate certificate :key key))))
      (is (found-in (ask-securely (net:http-server-port server) client :server-name "localhost")
                    "TLSv1.3 localhost T"))
      (net:stop-http-server server)
      (signals stale-object (net:request-certificate kept))
      (signals stale-object (net:request-tls-version kept)))
    (with-answers ((answer (ask-for port "/")))
        (net:with-http-server (server)
          (net:route server :get "/" #'who)
          (ready server))
      (is (found-in answer "NIL NIL NIL")))))

(deftest https-not-with-a-clients
  (signals network-error (net:make-http-server :tls (client-of-authority)) "SOCKET_EINVAL")
  (signals type-error (net:make-http-server :tls "x"))
  (let ((client (client-of-authority)))
    (with-answers ((answer (ask-securely port client)))
        (net:with-tls-server (server :tls (server-for "127.0.0.1"))
          (add-safe-route server)
          (ready server))
      (is (found-in answer "safe")))))
