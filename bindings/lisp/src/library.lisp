;;;; Finding libsocketpoll and loading it: before anything that calls it, and again when a saved
;;;; image starts. What is wrong is told by a LIBRARY-ERROR that says what to install.

(in-package #:socketpoll)

(define-condition library-error (error)
  ((wanted :initarg :wanted :reader library-error-wanted)
   (details :initarg :details :initform nil :reader library-error-details))
  (:documentation "libsocketpoll cannot be used."))

(define-condition library-missing (library-error) ()
  (:documentation "No libsocketpoll was found, or the system's loader refused it.")
  (:report (lambda (condition stream)
             (format stream "libsocketpoll ~@[~a ~]cannot be loaded: install it (in a checkout of ~
socketpoll: meson setup build && meson install -C build, then ldconfig), or set ~
SOCKETPOLL_LIBRARY_DIR to the folder that holds ~a.~@[~%Tried: ~{~a~^; ~}~]"
                     (library-error-wanted condition) (library-file-name)
                     (library-error-details condition)))))

(define-condition library-too-old (library-error)
  ((found :initarg :found :reader library-error-found))
  (:documentation "The libsocketpoll that was loaded does not have what this binding needs.")
  (:report (lambda (condition stream)
             (format stream "libsocketpoll ~a was loaded, but this binding needs ~a or a later ~
one with the same ~:[first~;first two~] number~:*~:[~;s~]: install it, or set ~
SOCKETPOLL_LIBRARY_DIR to its folder."
                     (library-error-found condition) (library-error-wanted condition)
                     (char= #\0 (char (library-error-wanted condition) 0))))))

(defun library-file-name ()
  #+darwin "libsocketpoll.0.dylib"
  #+win32 "libsocketpoll-0.dll"
  #-(or darwin win32) "libsocketpoll.so.0")

(defvar *library* nil "The pathname or name under which the library was loaded last.")

(defun library-candidates ()
  "SOCKETPOLL_LIBRARY_DIR alone where it is set, so that a test never gets another library."
  (let ((folder (sb-ext:posix-getenv "SOCKETPOLL_LIBRARY_DIR")))
    (if (and folder (string/= folder ""))
        (list (concatenate 'string (string-right-trim "/" folder) "/" (library-file-name)))
        (list (library-file-name)
              #+darwin "libsocketpoll.dylib"
              #+win32 "libsocketpoll.dll"
              #-(or darwin win32) "libsocketpoll.so"))))

(defun load-library ()
  "Loads libsocketpoll: from the folder SOCKETPOLL_LIBRARY_DIR if that is set, otherwise where the
system's loader finds it. Signals LIBRARY-MISSING; its restart RETRY tries again."
  (loop
    (let ((details '()))
      (dolist (name (library-candidates))
        (handler-case
            (handler-bind ((warning #'muffle-warning))
              (sb-alien:load-shared-object name :dont-save t)
              (setf *library* name)
              (return-from load-library name))
          (error (problem)
            (push (remove #\Newline (princ-to-string problem)) details))))
      (restart-case (error 'library-missing :wanted nil :details (nreverse details))
        (retry () :report "Look for the library again.")))))

(load-library)
