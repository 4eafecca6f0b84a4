;;;; TLS: what one side has configured, and certificates. A configuration stands on no loop: any thread
;;;; may use it, also several at once, and a change holds for what begins after it.

(in-package #:socketpoll)

(defstruct (tls (:constructor %make-tls (handle server)) (:copier nil) (:predicate tls-p))
  "What the side that accepts (MAKE-SERVER-TLS) or connects (MAKE-CLIENT-TLS) has configured. The
garbage collector frees it, or CLOSE-OBJECT earlier; connections that began with it go on."
  (handle 0 :type raw:word)
  (epoch **epoch** :type (unsigned-byte 62) :read-only t)
  (server nil :read-only t)
  (certificates 0 :type (unsigned-byte 32)))

(setf (documentation 'tls-p 'function) "Whether something is a configuration of TLS.")

(defun tls-live-word (tls)
  "Its word for the library, or 0 for what is closed or from another epoch."
  (if (= (tls-epoch tls) **epoch**) (tls-handle tls) 0))

(defun tls-word (tls)
  "0 would mean that there is to be no TLS."
  (let ((word (tls-live-word tls)))
    (if (plusp word) word (sb-ext:truly-the raw:word (fail raw:+socket-ebadhandle+ "use" tls)))))

(defmethod print-object ((tls tls) stream)
  (print-unreadable-object (tls stream :type t :identity t)
    (format stream "of a ~:[client~;server~]~@[, ~d certificate~:p~]~:[ closed~;~]"
            (tls-server tls) (and (plusp (tls-certificates tls)) (tls-certificates tls))
            (plusp (tls-live-word tls)))))

(defmethod close-object ((tls tls))
  (let ((word (tls-live-word tls)))
    (unless (zerop word)
      (sb-ext:cancel-finalization tls)
      (free-handle #'raw:socket-tls-free word)
      (setf (tls-handle tls) 0)))
  nil)

(defmacro with-tls-word ((word tls) &body body)
  "Evaluates BODY with the word of TLS for the library. TLS may also be NIL, for none: 0."
  (let ((variable (gensym)))
    `(let* ((,variable ,tls) (,word (if ,variable (tls-word ,variable) 0)))
       ;; Nothing else may hold it, and the collector would free it meanwhile.
       (sb-sys:with-pinned-objects (,variable) ,@body))))

(defun explained (code)
  "What the library's message about the call that has failed with CODE says beyond CODE's own text."
  (let* ((message (raw:socket-last-error-message))
         (tail (format nil "~a (~a)" (raw:socket-error-text code) (raw:socket-error-name code)))
         (end (- (length message) (length tail))))
    (cond ((minusp end) nil)
          ((string/= tail message :start2 end) nil)
          (t (let ((text (string-right-trim ": " (subseq message 0 end))))
               (and (string/= text "") text))))))

(defun fail-tls (code operation object)
  (fail code operation object (explained code)))

;;; Where certificates and keys come from

(defun joined (items)
  "A list of strings, or a string, as the library takes lists; NIL is NIL."
  (if (listp items) (and items (format nil "~{~a~^,~}" items)) items))

(defun listed (sources)
  (if (listp sources) sources (list sources)))

(defun source-file (source)
  "The native name of the file that SOURCE names, or NIL if it is what would be in one."
  (etypecase source
    (pathname (sb-ext:native-namestring (merge-pathnames source)))
    (string (if (search "-----BEGIN" source) nil source))
    (vector nil)))

(defun source-octets (source)
  (let ((file (source-file source)))
    (if file
        (with-open-file (in (sb-ext:parse-native-namestring file) :element-type 'octet)
          (let ((octets (make-array (file-length in) :element-type 'octet)))
            (subseq octets 0 (read-sequence octets in))))
        (to-octets source))))

(defmacro with-octets ((sap length) octets &body body)
  "Evaluates BODY with the address and the length of OCTETS, a vector of bytes."
  (let ((variable (gensym)))
    `(let* ((,variable ,octets) (,length (length ,variable)))
       (declare (type octets ,variable))
       (sb-sys:with-pinned-objects (,variable)
         (let ((,sap (sb-sys:vector-sap ,variable))) ,@body)))))

(defun add-certificate (tls certificate key &key names)
  "Adds a CERTIFICATE, followed by those that lead to its authority, and its private KEY. Each is a file
(a pathname or a native name) or what is in one: PEM as a string, PEM or DER as octets. A server uses
it for those NAMES, a list, that clients ask for; NIL: those in the certificate. The first that is
added is for who asks for nobody. Returns its number."
  (check-type tls tls)
  (let* ((file (source-file certificate)) (key-file (source-file key)) (names (joined names))
         (number (with-tls-word (word tls)
                   (if (and file key-file)
                       (raw:socket-tls-add-certificate-files word names file key-file)
                       (with-octets (chain chain-length) (source-octets certificate)
                         (with-octets (private private-length) (source-octets key)
                           (raw:socket-tls-add-certificate word names chain chain-length private
                                                           private-length)))))))
    (cond ((minusp number)
           (fail-tls number (format nil "add ~:[a certificate~;~:*~a with ~a~] to" file key-file) tls))
          (t (incf (tls-certificates tls))
             number))))

(defun replace-certificate (tls number certificate key)
  "Puts another CERTIFICATE and KEY, given as to ADD-CERTIFICATE, in the place of certificate NUMBER."
  (check-type tls tls)
  (let ((code (with-tls-word (word tls)
                (with-octets (chain chain-length) (source-octets certificate)
                  (with-octets (private private-length) (source-octets key)
                    (raw:socket-tls-replace-certificate word number chain chain-length private
                                                        private-length))))))
    (when (minusp code) (fail-tls code (format nil "replace certificate ~d of" number) tls))
    tls))

(defun reload-tls (tls)
  "Reads every certificate and key that came from files anew, all or nothing: what to do when they have
been renewed. Connections that are there keep what they began with."
  (check-type tls tls)
  (let ((code (with-tls-word (word tls) (raw:socket-tls-reload word))))
    (when (minusp code) (fail-tls code "reload the certificates of" tls))
    tls))

(defun set-staple (tls number response)
  "Sends RESPONSE, octets of an OCSP response, along with certificate NUMBER; NIL: none any more.
NOT-SUPPORTED by a library over mbedTLS."
  (check-type tls tls)
  (let ((code (with-tls-word (word tls)
                (with-octets (sap length) (to-octets (or response #()))
                  (raw:socket-tls-set-staple word number sap length)))))
    (when (minusp code) (fail-tls code (format nil "staple to certificate ~d of" number) tls))
    tls))

;;; Settings

(defun add-authority (word source)
  (let ((file (source-file source)))
    (cond ((null file)
           (with-octets (sap length) (source-octets source)
             (raw:socket-tls-add-authorities word sap length)))
          ((string= "/" file :start2 (max 0 (1- (length file))))
           (raw:socket-tls-add-authorities-folder word file))
          (t (raw:socket-tls-add-authorities-file word file)))))

(defun first-failure (function items)
  (or (loop for item in items
            for code = (funcall function item)
            when (minusp code) return code)
      0))

(defun flag (value) (if value 1 0))

(defun policy-text (policy)
  (etypecase policy
    (symbol (string-downcase policy))
    (string policy)
    (cons (format nil "custom:~{~a~^:~}" policy))))

(defun set-option (word option value)
  "0 or a code."
  (ecase option
    (:password (raw:socket-tls-set-password-text word value))
    (:authorities (first-failure (lambda (source) (add-authority word source)) (listed value)))
    (:system-authorities (raw:socket-tls-set-system-authorities word (flag value)))
    (:client-certificates
     (raw:socket-tls-set-client-check word (ecase value
                                             ((nil) raw:+socket-tls-no-certificate+)
                                             (:optional raw:+socket-tls-optional-certificate+)
                                             (:required raw:+socket-tls-required-certificate+))))
    (:pins (first-failure (lambda (pin) (raw:socket-tls-add-pin word pin)) (listed value)))
    (:policy (raw:socket-tls-set-policy word (policy-text value)))
    (:alpn (raw:socket-tls-set-alpn word (or (joined value) "")))
    (:tickets (raw:socket-tls-set-tickets word (flag value)))
    (:ticket-keys (with-octets (sap length) (to-octets (or value #()))
                    (raw:socket-tls-set-ticket-keys word sap length)))
    (:sessions (raw:socket-tls-set-sessions word value))
    (:key-log (raw:socket-tls-set-key-log word (and value (source-file value))))
    (:handshake-timeout (raw:socket-tls-set-handshake-timeout word value))
    (:max-handshakes (raw:socket-tls-set-max-handshakes word value))
    (:trust-anybody-without-verification
     (if value (raw:socket-tls-trust-anybody-without-verification word) 0))))

(defun configure-tls (tls &rest options
                      &key password certificate key names authorities system-authorities
                        client-certificates pins policy alpn tickets ticket-keys sessions key-log
                        handshake-timeout max-handshakes trust-anybody-without-verification)
  "Sets what is given, and leaves the rest as it is.
  PASSWORD            of private keys that are added or reloaded from here on; NIL: none
  CERTIFICATE, KEY, NAMES   as of ADD-CERTIFICATE
  AUTHORITIES         to be trusted as well: a file, a folder (\"/.../\"), what is in a file, or a
                      list of such
  SYSTEM-AUTHORITIES  whether those of the system are trusted; a client does, a server does not
  CLIENT-CERTIFICATES of a server: NIL, :OPTIONAL or :REQUIRED
  PINS                the peer's key must be one of these: \"sha256//...\", or a list of such
  POLICY              :INTERMEDIATE (TLS 1.2 and 1.3), :MODERN (1.3), or a list of cipher suites
  ALPN                protocols, the best first: (\"h2\" \"http/1.1\")
  TICKETS             of a server: whether sessions are resumed
  TICKET-KEYS         of a server: octets, 80 each, as of TLS-TICKET-KEYS; NIL: the library's own
  SESSIONS            of a client: of how many servers it keeps the session
  KEY-LOG             a file that Wireshark reads; NIL: none
  HANDSHAKE-TIMEOUT, MAX-HANDSHAKES   of a server: milliseconds, and a number
  TRUST-ANYBODY-WITHOUT-VERIFICATION  of a client, true: whoever is in between reads and changes
                      everything. There is no way back."
  (declare (ignore password authorities system-authorities client-certificates pins policy alpn
                   tickets ticket-keys sessions key-log handshake-timeout max-handshakes
                   trust-anybody-without-verification))
  (check-type tls tls)
  (loop for (option value) on options by #'cddr
        unless (member option '(:certificate :key :names))
          do (let ((code (with-tls-word (word tls) (set-option word option value))))
               (when (minusp code)
                 (return-from configure-tls
                   (fail-tls code (format nil "set ~(~a~) of" option) tls)))))
  ;; Last: it may want the password.
  (when (or certificate key)
    (add-certificate tls certificate key :names names))
  tls)

(defun make-tls (server options)
  (let ((handle (if server (raw:socket-tls-new-server) (raw:socket-tls-new-client))))
    (when (zerop handle)
      (let ((code (raw:socket-last-error)))
        (if (= code raw:+socket-enotsup+)
            (error 'not-built-in :feature "tls" :operation "speak TLS")
            (error (network-condition code "make a configuration of TLS" nil)))))
    (let ((tls (%make-tls handle server)) (done nil))
      (sb-ext:finalize tls (lambda () (free-handle #'raw:socket-tls-free handle)) :dont-save t)
      (unwind-protect (progn (apply #'configure-tls tls options) (setf done t) tls)
        (unless done (close-object tls))))))

(defun make-server-tls (&rest options
                        &key certificate key names password authorities client-certificates policy
                          alpn tickets ticket-keys key-log handshake-timeout max-handshakes pins
                          system-authorities)
  "TLS for the side that accepts, which needs a certificate. The options are CONFIGURE-TLS's."
  (declare (ignore certificate key names password authorities client-certificates policy alpn tickets
                   ticket-keys key-log handshake-timeout max-handshakes pins system-authorities))
  (make-tls t options))

(defun make-client-tls (&rest options
                        &key authorities system-authorities certificate key password pins policy alpn
                          sessions key-log trust-anybody-without-verification)
  "TLS for the side that connects. It trusts the system's authorities, and AUTHORITIES. The options are
CONFIGURE-TLS's."
  (declare (ignore authorities system-authorities certificate key password pins policy alpn sessions
                   key-log trust-anybody-without-verification))
  (make-tls nil options))

(sb-ext:defglobal **client-tls** nil)

(defun client-tls (tls)
  "TLS, or where that is T, what all clients share that have nothing to configure."
  (cond ((not (eq tls t))
         (check-type tls tls)
         tls)
        ((and **client-tls** (plusp (tls-live-word **client-tls**))) **client-tls**)
        (t (setf **client-tls** (make-client-tls)))))

(defun tls-ticket-keys (tls)
  "The keys that TLS, a server's, seals its tickets with: octets, for :TICKET-KEYS of another process or
a successor, which then resumes its sessions."
  (check-type tls tls)
  (let ((octets (call-for-octets (lambda (sap capacity)
                                   (with-tls-word (word tls)
                                     (raw:socket-tls-get-ticket-keys word sap capacity))))))
    (if (integerp octets) (fail-tls octets "read the ticket keys of" tls) octets)))

(defun tls-engine ()
  "\"mbedtls\", \"openssl\", or \"none\": what the library was built with."
  (values (raw:socket-tls-get-engine)))

;;; Certificates

(defun call-for-octets (function &optional (capacity 2048))
  "What FUNCTION, called with a SAP and a capacity, writes, as octets, or its code."
  (loop
    (let* ((octets (make-array capacity :element-type 'octet))
           (length (with-octets (sap size) octets (funcall function sap size))))
      (cond ((>= length 0) (return (subseq octets 0 length)))
            ((or (/= length raw:+socket-enobufs+) (> capacity 1000000)) (return length))
            (t (setf capacity (* 4 capacity)))))))

(defun certificate-text (function certificate operation)
  "The text that FUNCTION writes about a CERTIFICATE."
  (let ((octets (with-octets (der length) (source-octets certificate)
                  (call-for-octets (lambda (sap capacity)
                                     (funcall function der length sap capacity))))))
    (if (integerp octets) (fail-tls octets operation nil) (to-string octets))))

(defun describe-certificate (certificate)
  "CERTIFICATE, DER as octets, in some lines for people: subject, issuer, dates, names, key."
  (certificate-text #'raw:socket-tls-describe-certificate certificate "describe a certificate"))

(defun certificate-fingerprint (certificate)
  "The SHA-256 of CERTIFICATE, given as to ADD-CERTIFICATE, as people compare it: \"AB:CD:...\"."
  (certificate-text #'raw:socket-tls-fingerprint certificate "take the fingerprint of a certificate"))

(defconstant +unix-epoch+ (encode-universal-time 0 0 0 1 1 1970 0))

(defun make-certificate (names &key (kind :server) issuer issuer-key rsa
                                 (not-before (- (get-universal-time) 86400))
                                 (not-after (+ (get-universal-time) (* 90 86400))))
  "For development and tests: a certificate and its private key, PEM as two strings. NAMES, a list, are
host names, wildcards and numeric addresses. KIND is :SERVER, :CLIENT or :AUTHORITY; valid between two
universal times. ISSUER and ISSUER-KEY are the PEM of an authority; without them it signs itself. RSA:
a key of RSA-2048, which takes a moment, in place of ECDSA P-256."
  (let* ((room raw:+socket-tls-pem-bytes+)
         (certificate (make-array room :element-type 'octet :initial-element 0))
         (key (make-array room :element-type 'octet :initial-element 0))
         (kind (+ (ecase kind
                    (:server raw:+socket-tls-server-certificate+)
                    (:client raw:+socket-tls-client-certificate+)
                    (:authority raw:+socket-tls-authority+))
                  (if rsa raw:+socket-tls-rsa+ 0)))
         (code (with-octets (chain chain-room) certificate
                 (with-octets (private private-room) key
                   (raw:socket-tls-make-certificate
                    (joined names) kind (- not-before +unix-epoch+) (- not-after +unix-epoch+)
                    issuer issuer-key chain chain-room private private-room)))))
    (if (minusp code)
        (fail-tls code "make a certificate for" (joined names))
        (flet ((text (octets) (to-string octets :end (position 0 octets))))
          (values (text certificate) (text key))))))
