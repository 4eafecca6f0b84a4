;;;; Tests of runs inside of runs of one loop: every event is handled once, wherever an interrupt came.

(in-package #:socketpoll/tests)

(defun post-token (loop object)
  (raw:socket-loop-post (socketpoll::loop-handle loop) (sb-sys:int-sap 0)
                        (socketpoll::object-token object)))

(defmacro with-counted ((loop objects seen count) &body body)
  "COUNT objects of LOOP, each of which has posted one event; SEEN is a function that gives the numbers
of those that were handled, in their order."
  `(let* ((,loop (current-loop)) (handled '())
          (,objects (loop for number below ,count
                          collect (let ((number number))
                                    (socketpoll::make-object
                                     :handler (lambda (object event)
                                                (declare (ignore object))
                                                (when (= (event-kind event) raw:+socket-posted+)
                                                  (push number handled))))))))
     (dolist (object ,objects)
       (socketpoll::register object ,loop)
       (post-token ,loop object))
     (flet ((,seen () (reverse handled)))
       ,@body)))

(defun run-inside (loop)
  "What an interrupt may do: waits for something that has not happened yet, with much else."
  (let ((future (net:make-future :loop loop)))
    (call-in-loop loop (lambda () (net:complete-future future '(t))))
    (call-in-loop loop (lambda ()))
    (net:await future 5000)))

(defun numbers (start end) (loop for number from start below end collect number))

(deftest an-event-in-hand-stays
  (with-counted (loop objects seen 5)
    (let ((socketpoll::*loop* loop))
      (socketpoll::with-run (loop)
        (let ((event (next-event loop)))
          ;; Interrupted here, twice, with the first event in hand.
          (run-inside loop)
          (mapc (lambda (object) (post-token loop object)) objects)
          (run-inside loop)
          (is (eq (event-object loop event) (first objects)))
          (dispatch-event loop event)))
      (loop until (eql 0 (run-once loop 0)))
      (is (equal (seen) (append (numbers 1 5) '(0) (numbers 0 5))))
      (is (null (socketpoll::event-loop-left-over loop))))))

(deftest an-event-being-taken
  ;; As if an interrupt came between any two steps of NEXT-EVENT. READ: the cursor was read, TAKING: and
  ;; noted, TAKEN: and advanced.
  (dolist (step '(:read :taking :taken))
    (dolist (before '(0 1 3))
      (with-counted (loop objects seen 3)
        (socketpoll::with-run (loop)
          (dispatch-event loop (next-event loop))
          (loop repeat (max 0 (1- before)) do (dispatch-event loop (next-event loop)))
          (let ((cursor (socketpoll::event-loop-cursor loop)))
            (unless (eq step :read) (setf (socketpoll::event-loop-taking loop) cursor))
            (let ((there (< cursor (socketpoll::event-loop-end loop))))
              (when (and there (eq step :taken))
                (setf (socketpoll::event-loop-cursor loop) (1+ cursor)))
              (mapc (lambda (object) (post-token loop object)) objects)
              (run-inside loop)
              (mapc (lambda (object) (post-token loop object)) objects)
              (setf (socketpoll::event-loop-taking loop) cursor)
              (when (if (eq step :read) (< cursor (socketpoll::event-loop-end loop)) there)
                (setf (socketpoll::event-loop-cursor loop) (1+ cursor)
                      (socketpoll::event-loop-taking loop) -1)
                (dispatch-event loop (socketpoll::event-address
                                      (socketpoll::event-loop-events loop) cursor))))
            (setf (socketpoll::event-loop-taking loop) -1))
          (loop repeat 3 until (eql 0 (run-once loop 0))))
        (is (equal (sort (seen) #'<) '(0 0 0 1 1 1 2 2 2)))
        (mapc #'socketpoll::unregister objects)))))

(deftest interrupts-at-any-time
  (let* ((loop (current-loop)) (main sb-thread:*current-thread*) (handled 0) (posted 0) (nested 0)
         (finished (sb-thread:make-semaphore))
         (object (socketpoll::make-object :handler (lambda (object event)
                                                     (declare (ignore object event))
                                                     (incf handled)))))
    (declare (type fixnum handled posted nested))
    (socketpoll::register object loop)
    (flet ((interrupt ()
             (when (run-inside loop) (incf nested))
             (sb-thread:signal-semaphore finished)))
      (let ((helper (sb-thread:make-thread
                     (lambda ()
                       (loop repeat 300
                             do (loop repeat 20 do (post-token loop object) (incf posted))
                                (sb-thread:interrupt-thread main #'interrupt)
                                (sb-thread:wait-on-semaphore finished :timeout 10))
                       (call-in-loop loop (lambda () (stop-event-loop loop)))))))
        (run-event-loop loop)
        (sb-thread:join-thread helper)))
    (loop until (eql 0 (run-once loop 0)))
    (is (= 300 nested))
    (is (= posted handled))))

(deftest a-loop-freed-inside-of-its-run
  (let ((loop (make-event-loop)))
    (add-timer 1 (lambda ()
                   (run-once loop 0)
                   (socketpoll::with-run (loop)
                     (run-once loop 1)
                     (free-event-loop loop)))
               :loop loop)
    (signals stale-object (run-event-loop loop))))
