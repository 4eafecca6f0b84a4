;;;; Bodies in pieces: requests that are read as they come, responses that are sent as they are made,
;;;; and the names and values of queries and forms.

(in-package #:socketpoll/net)

;;; Requests

(defun read-body (request on-data &key on-end)
  "In a handler of a route with :STREAM-BODY: has ON-DATA called with REQUEST, an address and a length
whenever bytes of the body have come (valid until the loop waits again: MEMORY-OCTETS and
MEMORY-STRING copy them), and then ON-END with REQUEST, which returns what RESPOND takes, or :LATER.
What the handler itself returns is ignored. After PAUSE-BODY it goes on."
  (check-type request http-request)
  (setf (http-request-on-data request) (socketpoll::check-function on-data)
        (http-request-on-end request) (socketpoll::check-function (or on-end (constantly nil)))
        (http-request-deferred request) t)
  (follow request)
  (resume-body request))

(defun pause-body (request)
  "Has ON-DATA called no more until RESUME-BODY; the client has to wait."
  (check-type request http-request)
  (socketpoll::check (raw:socket-http-pause-body (socketpoll::object-word request))
                     "pause the body of" request)
  nil)

(defun resume-body (request)
  "The opposite of PAUSE-BODY."
  (check-type request http-request)
  (socketpoll::check (raw:socket-http-read-body (socketpoll::object-word request))
                     "read the body of" request)
  nil)

(defun decode-component (text)
  "TEXT without its percent-encoding, and with spaces for pluses: application/x-www-form-urlencoded."
  (let* ((octets (to-octets text)) (end (length octets)) (at 0)
         (plain (make-array end :element-type 'octet)) (fill 0))
    (declare (type octets octets) (type fixnum at fill))
    (flet ((digit (index) (and (< index end) (digit-char-p (code-char (aref octets index)) 16))))
      (loop while (< at end)
            do (let* ((octet (aref octets at))
                      (high (and (= octet 37) (digit (+ at 1)))) (low (and high (digit (+ at 2)))))
                 (setf (aref plain fill) (cond (low (+ (* 16 high) low))
                                               ((= octet 43) 32)
                                               (t octet)))
                 (incf fill)
                 (incf at (if low 3 1)))))
    (to-string plain :end fill)))

(defun decode-pairs (text)
  "The names and values of \"a=b&c=d\" as an alist of strings."
  (loop with start = 0
        while (and text (< start (length text)))
        append (let* ((end (or (position #\& text :start start) (length text)))
                      (equals (position #\= text :start start :end end)))
                 (prog1 (and (< start end)
                             (list (cons (decode-component (subseq text start (or equals end)))
                                         (if equals (decode-component (subseq text (1+ equals) end)) ""))))
                   (setf start (1+ end))))))

(defun request-query-parameters (request)
  "The query's names and values, decoded, as an alist of strings in their order."
  (decode-pairs (request-query request)))

(defun request-form-parameters (request)
  "The same of a body in application/x-www-form-urlencoded, as forms send it."
  (decode-pairs (request-text request)))

;;; Responses

(defun start-response (request &key (status 200) headers content-type length)
  "Sends the head of a response whose body follows by WRITE-RESPONSE, of LENGTH bytes in all, or, with
NIL, of a length not known yet (chunked). END-RESPONSE ends it, at any time; what the handler returns
is ignored. HEADERS as of RESPOND; CONTENT-TYPE is text in UTF-8 if nothing else is said."
  (check-type request http-request)
  (check-type length (or null (integer 0 #.most-positive-fixnum)))
  (check-type status (integer 200 999))
  (let ((type (or (add-headers request headers) content-type "text/plain; charset=utf-8")))
    (socketpoll::check (raw:socket-http-start (socketpoll::object-word request) status type
                                              (or length -1))
                       "begin to answer" request)
    (setf (http-request-status request) status
          (http-request-deferred request) t)
    (follow request)
    request))

(defun send-piece (request octets start end)
  "Sends octets of a response. How many bytes are queued now, or a code."
  (declare (type octets octets))
  (sb-sys:with-pinned-objects (octets)
    (let ((result (raw:socket-http-write (socketpoll::object-word request)
                                         (sb-sys:sap+ (sb-sys:vector-sap octets) start)
                                         (- end start))))
      (cond ((>= result 0) (incf (http-request-sent request) (- end start)))
            ((= result raw:+socket-eagain+) (setf (http-request-drained request) nil))
            ((broken-p request result) (request-gone request result)))
      result)))

(defun check-piece (result request)
  (if (minusp result)
      (socketpoll::fail (if (http-request-gone request) raw:+socket-econnreset+ result)
                        "answer" request)
      result))

(defun write-response (request data)
  "Sends DATA, octets or a string (as UTF-8), the next piece of the body. Returns how many bytes are
queued now. A NETWORK-ERROR with the code +SOCKET-EAGAIN+ says that too much is queued and nothing was
taken: the function that REQUEST-ON-DRAIN holds is called when there is room again. Once the client
has gone, a CONNECTION-ERROR."
  (check-type request http-request)
  (let ((octets (to-octets data)))
    (check-piece (send-piece request octets 0 (length octets)) request)))

(defun request-on-drain (request)
  "NIL, or a function that is called with the request when WRITE-RESPONSE has room again. Setf-able."
  (http-request-on-drain request))
(defun (setf request-on-drain) (function request)
  (setf (http-request-on-drain request) (and function (socketpoll::check-function function))))

(defun end-response (request)
  "Ends what START-RESPONSE began."
  (check-type request http-request)
  (unless (http-request-gone request)
    (when (object-live-p request)
      (log-request request (http-request-status request) (http-request-sent request)))
    (let ((code (raw:socket-http-end (socketpoll::object-word request))))
      ;; With bytes missing it has ended as well, by closing.
      (forget-request request)
      (socketpoll::check code "end the answer of" request)))
  nil)

;;; As a stream

(defclass response-stream (gathering-stream)
  ((request :initarg :request :reader stream-request))
  (:documentation "The body of a response as a stream of characters and bytes."))

(defmethod print-object ((stream response-stream) output)
  (print-unreadable-object (stream output :type t :identity t)
    (princ (stream-request stream) output)))

(defmethod hand-over ((stream response-stream))
  (let ((request (stream-request stream)) (fill (stream-fill stream)))
    (setf (stream-fill stream) 0)
    (loop until (or (zerop fill)
                    (let ((result (send-piece request (stream-output stream) 0 fill)))
                      (unless (= result raw:+socket-eagain+) (check-piece result request))))
          do (wait-for (object-loop request)
                       (lambda ()
                         (or (http-request-drained request) (http-request-gone request)))
                       -1))))

(defmethod await-writing ((stream response-stream)) nil)

(defmethod open-stream-p ((stream response-stream))
  (object-live-p (stream-request stream)))

(defmethod close ((stream response-stream) &key abort)
  (let ((open (open-stream-p stream)) (request (stream-request stream)))
    (when open
      (cond (abort (abort-response request))
            (t (hand-over stream)
               (end-response request))))
    open))

(defun response-stream (request &rest options &key status headers content-type length)
  "START-RESPONSE, which OPTIONS are of, and a stream for its body: of characters, as UTF-8, and of
bytes. What is written goes out by pieces, or by FORCE-OUTPUT; a client that does not read makes the
writer wait, which runs the loop. CLOSE ends the response, with :ABORT the connection."
  (declare (ignore status headers content-type length))
  (apply #'start-response request options)
  (make-instance 'response-stream :request request))

(defmacro with-response-stream ((variable request &rest options) &body body)
  "Binds VARIABLE to a RESPONSE-STREAM and ends the response after BODY; a non-local exit ends the
connection, so that the client notices."
  (let ((done (gensym)))
    `(let ((,variable (response-stream ,request ,@options)) (,done nil))
       (unwind-protect (multiple-value-prog1 (progn ,@body) (setf ,done t))
         (close ,variable :abort (not ,done))))))
