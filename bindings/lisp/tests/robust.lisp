;;;; Tests of what must not crash an image: closed and foreign objects, other threads, the garbage
;;;; collector, interrupts, saved images, a library that is missing or too old.

(in-package #:socketpoll/tests)

(deftest closed-objects
  (multiple-value-bind (a b) (connection-pair)
    (close-connection a)
    (close-connection a)
    (signals stale-object (send a "x") "CONNECTION")
    (signals stale-object (start-reading a #'list))
    (signals stale-object (net:async-read a (make-array 1 :element-type 'octet)))
    (signals stale-object (net:socket-stream a))
    (signals type-error (start-reading b nil) "called back")
    (signals type-error (send b 42))
    (signals error (send b "abc" :start 2 :end 9))
    (close-object b))
  (let* ((loop (make-event-loop)) (listener (listen-on "127.0.0.1" 0 :loop loop))
         (future (net:async-accept listener)))
    (free-event-loop loop)
    (free-event-loop loop)
    (is (not (object-live-p listener)))
    (signals network-error (net:await future) "canceled")
    (signals stale-object (run-event-loop loop) "EVENT-LOOP")
    (signals stale-object (net:await (net:make-future :loop loop) 100))
    (signals stale-object (stop-event-loop loop))
    (signals stale-object (listen-on "127.0.0.1" 0 :loop loop))
    (signals stale-object (connect-to "127.0.0.1" 1 #'list :loop loop))
    (signals stale-object (add-timer 1 #'list :loop loop)))
  (signals type-error (run-event-loop nil))
  (signals type-error (close-connection 5))
  (signals type-error (net:await 5))
  (signals type-error (net:socket-accept nil))
  (signals not-supported (make-event-loop :backend "none") "none"))

(deftest other-threads
  (multiple-value-bind (a b) (connection-pair)
    (let ((loop (current-loop)))
      ;; The loop is this thread's: a turn makes sure of it.
      (run-once loop 0)
      (flet ((elsewhere (function)
               (let ((result (sb-thread:join-thread
                              (sb-thread:make-thread
                               (lambda () (handler-case (funcall function)
                                            (error (condition) condition)))))))
                 (if (typep result 'error) (error result) result))))
        (signals wrong-thread (elsewhere (lambda () (send a "x"))) "CALL-IN-LOOP")
        (signals wrong-thread (elsewhere (lambda () (close-connection a))) "CONNECTION")
        (signals wrong-thread (elsewhere (lambda () (close-object a))) "CONNECTION")
        (is (object-live-p a))
        (signals wrong-thread (elsewhere (lambda () (read-line (net:socket-stream b)))))
        (let ((called nil))
          (elsewhere (lambda () (call-in-loop loop (lambda () (setf called t) (send a "x")))))
          (run-once loop)
          (is (eq called t)))
        (elsewhere (lambda () (stop-event-loop loop)))
        (is (null (run-event-loop loop)))))))

(deftest garbage-collector-while-waiting
  (let* ((done nil)
         (collector (sb-thread:make-thread
                     (lambda () (loop until done do (sb-ext:gc) (make-array 10000))))))
    (multiple-value-bind (server client) (connection-pair)
      (start-reading server #'send-memory)
      (start-reading client #'send-memory)
      (unwind-protect (is (= 2000 (echo-messages server client 2000 (allocate-buffer 32))))
        (setf done t)
        (sb-thread:join-thread collector)))
    ;; Operations on Lisp vectors, which the collector moves.
    (multiple-value-bind (a b) (connection-pair)
      (loop repeat 20
            do (let* ((octets (make-array 64 :element-type 'octet))
                      (reading (net:async-read b octets)))
                 (sb-ext:gc)
                 (net:async-write a "moved")
                 (is (eql 5 (nth-value 1 (net:await reading 5000))))
                 (is (string= "moved" (to-string octets :end 5))))))))

(deftest dropped-loops-are-freed
  (let ((before (length (directory "/proc/self/fd/" :resolve-symlinks nil))))
    (declare (ignorable before))
    (flet ((descriptors () (length (directory "/proc/self/fd/*" :resolve-symlinks nil))))
      (let ((before (descriptors)))
        (loop repeat 50 do (make-event-loop))
        (loop repeat 100
              until (progn (sb-ext:gc :full t) (sb-impl::run-pending-finalizers)
                           (< (- (descriptors) before) 50))
              do (sb-thread:thread-yield))
        (is (< (- (descriptors) before) 50))))))

;;; Interrupts

(deftest interrupt-and-continue
  ;; As Ctrl-C: the signal comes from another process, and the debugger returns.
  (let* ((loop (current-loop)) (interrupted 0)
         (sb-ext:*invoke-debugger-hook*
           (lambda (condition hook)
             (declare (ignore hook))
             (is (typep condition 'sb-sys:interactive-interrupt))
             (incf interrupted)
             (call-in-loop loop (lambda () (stop-event-loop loop)))
             (continue condition))))
    (add-timer 10 (lambda ()
                    (sb-ext:run-program "/bin/sh"
                                        (list "-c" (format nil "kill -INT ~d" (sb-posix:getpid)))
                                        :wait nil)))
    (run-event-loop loop)
    (is (= 1 interrupted))))

(deftest interrupt-and-abort
  (let* ((loop (current-loop)) (main sb-thread:*current-thread*)
         (running (sb-thread:make-semaphore))
         (helper (sb-thread:make-thread
                  (lambda ()
                    (sb-thread:wait-on-semaphore running)
                    (sb-thread:interrupt-thread main (lambda () (throw 'out :thrown)))))))
    (add-timer 1 (lambda () (sb-thread:signal-semaphore running)))
    (is (eq :thrown (catch 'out (run-event-loop loop))))
    (sb-thread:join-thread helper)
    ;; Nothing in the library believes that it is still running.
    (add-timer 1 (lambda () (stop-event-loop loop)))
    (is (null (run-event-loop loop)))
    (is (eq :timeout (handler-case (sb-ext:with-timeout 0.05 (run-event-loop loop))
                       (sb-ext:timeout () :timeout))))))

(deftest throws-out-of-handlers
  (let ((loop (current-loop)))
    (add-timer 1 (lambda () (throw 'out 1)))
    (add-timer 1 (lambda () (throw 'out 2)))
    (is (eql 1 (catch 'out (run-event-loop loop))))
    ;; The event that was fetched with it is not lost.
    (is (eql 2 (catch 'out (run-event-loop loop))))))

(deftest waiting-inside-a-handler
  (multiple-value-bind (a b) (connection-pair)
    (let ((loop (current-loop)) (got '()))
      (start-reading b (lambda (connection address length)
                         (declare (ignore connection))
                         (push (memory-string address length) got)
                         (let ((future (net:make-future)))
                           (add-timer 5 (lambda () (net:complete-future future '(1))))
                           (push (net:await future 5000) got)
                           (stop-event-loop loop))))
      (send a "x")
      (run-event-loop loop)
      (is (equal got '(1 "x"))))))

;;; Other images

(defun run-sbcl (forms &key environment core)
  "The output of a new SBCL that evaluates FORMS, and its exit code."
  (let* ((out (make-string-output-stream))
         (process (sb-ext:run-program
                   sb-ext:*runtime-pathname*
                   (append (if core (list "--core" core) '())
                           '("--noinform" "--disable-ldb" "--no-userinit" "--no-sysinit"
                             "--non-interactive")
                           (loop for form in forms
                                 collect "--eval"
                                 collect (let ((*package* (find-package '#:keyword)))
                                           (prin1-to-string form))))
                   :output out :error out :input nil
                   :environment (append environment
                                        (remove-if (lambda (entry)
                                                     (some (lambda (own)
                                                             (string= own entry
                                                                      :end1 (1+ (position #\= own))
                                                                      :end2 (min (length entry)
                                                                                 (1+ (position #\= own)))))
                                                           environment))
                                                   (sb-ext:posix-environ))))))
    (values (get-output-stream-string out) (sb-ext:process-exit-code process))))

(defun source-forms ()
  (list '(require :asdf)
        `(asdf:load-asd ,(namestring (asdf:system-source-file "socketpoll")))
        '(asdf:load-system "socketpoll")))

(defmacro with-folder ((variable) &body body)
  `(let ((,variable (format nil "~a/socketpoll-lisp-~d-~36r/"
                            (or (sb-posix:getenv "TMPDIR") "/tmp") (sb-posix:getpid)
                            (random (expt 36 8) (make-random-state t)))))
     (ensure-directories-exist ,variable)
     (unwind-protect (progn ,@body)
       (sb-ext:delete-directory ,variable :recursive t))))

(deftest saved-image
  (with-folder (folder)
    (let ((core (concatenate 'string folder "saved.core")))
      (multiple-value-bind (text code)
          (run-sbcl
           (append (source-forms)
                   (list '(defvar cl-user::*connection* (socketpoll:connection-pair))
                         '(defvar cl-user::*kept* (socketpoll:current-loop))
                         '(defvar cl-user::*buffer* (socketpoll:allocate-buffer 10))
                         ;; With the old object at hand, a new pair of connections.
                         '(defun cl-user::begin-again
                           (&aux (cl-user::octets (make-array 9 :element-type '(unsigned-byte 8))))
                           (socketpoll:close-connection cl-user::*connection*)
                           (multiple-value-bind (cl-user::a cl-user::b) (socketpoll:connection-pair)
                             (socketpoll:send cl-user::a "restarted")
                             (socketpoll/net:await (socketpoll/net:async-read cl-user::b
                                                                              cl-user::octets)
                                                   5000)
                             (handler-case (socketpoll:send cl-user::*connection* "x")
                               (socketpoll:stale-object ()
                                 (socketpoll:to-string cl-user::octets)))))
                         `(sb-ext:save-lisp-and-die ,core))))
        (unless (probe-file core) (note-failure 'saved-image (list code text))))
      (when (probe-file core)
        (flet ((after (form)
                 (run-sbcl (list `(princ (handler-case ,form
                                           (error (condition)
                                             (format nil "~a: ~a" (type-of condition) condition)))))
                           :core core)))
          (is (found-in (after '(socketpoll:send cl-user::*connection* "x")) "STALE-OBJECT: cannot"))
          (is (found-in (after '(socketpoll:run-event-loop cl-user::*kept*)) "STALE-OBJECT"))
          (is (found-in (after '(socketpoll:buffer-ref cl-user::*buffer* 0)) "STALE-OBJECT"))
          (is (found-in (after '(cl-user::begin-again)) "restarted"))
          ;; Started where the library is missing.
          (let ((text (run-sbcl '((print :started)) :core core
                                :environment (list (format nil "SOCKETPOLL_LIBRARY_DIR=~a" folder)))))
            (is (found-in text "install it"))))))))

(deftest missing-library
  (with-folder (folder)
    (multiple-value-bind (text code)
        (run-sbcl (source-forms)
                  :environment (list (format nil "SOCKETPOLL_LIBRARY_DIR=~a" folder)))
      (is (found-in text "install it"))
      (is (found-in text folder))
      (is (/= 0 code)))))

(deftest old-library
  (signals library-too-old (socketpoll::check-library "0.2.0") "install it")
  (signals library-too-old (socketpoll::check-library "99.0.0") "99.0.0")
  (is (socketpoll::version-suffices-p "0.1.1" "0.1.0"))
  (is (not (socketpoll::version-suffices-p "0.1.0" "0.1.1")))
  (is (not (socketpoll::version-suffices-p "0.2.0" "0.1.0")))
  (is (socketpoll::version-suffices-p "1.3.0" "1.2.9"))
  (is (not (socketpoll::version-suffices-p "2.0.0" "1.2.9"))))

(deftest waiting-inside-an-interrupt
  ;; What somebody evaluates in the debugger may run the loop that was interrupted. One at a time:
  ;; SBCL allows interrupts inside of interrupts to a depth of 8.
  (let* ((loop (current-loop)) (main sb-thread:*current-thread*) (ticks 0) (nested 0)
         (finished (sb-thread:make-semaphore)) (helper nil))
    (add-timer 1 (lambda () (incf ticks)) :period-ms 1)
    (flet ((interrupt ()
             (let ((future (net:make-future :loop loop)))
               (add-timer 1 (lambda () (net:complete-future future '(1))) :loop loop)
               (incf nested (net:await future 5000))
               (sb-thread:signal-semaphore finished))))
      (setf helper (sb-thread:make-thread
                    (lambda ()
                      (loop repeat 20
                            do (sb-thread:interrupt-thread main #'interrupt)
                               (sb-thread:wait-on-semaphore finished :timeout 10))
                      (stop-event-loop loop)))))
    (run-event-loop loop)
    (sb-thread:join-thread helper)
    (is (eql 20 nested))
    (is (plusp ticks))))
