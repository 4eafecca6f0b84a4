;;;; The library's version, and what outlives an image: nothing but this file's counter. Handles and
;;;; memory from before SAVE-LISP-AND-DIE are another process's; each object remembers the epoch that
;;;; it was made in, and is stale in every other one.

(in-package #:socketpoll)

(declaim (type (unsigned-byte 62) **epoch**))
(sb-ext:defglobal **epoch** 1)

(defun library-version ()
  "The version of the loaded libsocketpoll, \"0.1.0\"."
  (values (raw:socket-version)))

(defun library-features ()
  "What is compiled into it, as one line of words: \"http tls=none\"."
  (values (raw:socket-features)))

(defun version-numbers (text)
  (loop with start = 0
        for dot = (position #\. text :start start)
        collect (parse-integer text :start start :end dot :junk-allowed t)
        while dot do (setf start (1+ dot))))

(defun version-suffices-p (found wanted)
  "Whether a library of version FOUND has all that one of version WANTED had."
  (destructuring-bind (&optional (major 0) (minor 0) (patch 0)) (version-numbers found)
    (destructuring-bind (wanted-major wanted-minor wanted-patch) (version-numbers wanted)
      (and (eql major wanted-major)
           (if (eql wanted-major 0)
               (and (eql minor wanted-minor) (>= (or patch 0) wanted-patch))
               (or (> minor wanted-minor)
                   (and (= minor wanted-minor) (>= (or patch 0) wanted-patch))))))))

(defun check-library (&optional (wanted raw:+version+))
  "Signals LIBRARY-TOO-OLD unless the loaded library has what this binding was made for."
  (let ((found (if (sb-sys:find-foreign-symbol-address "Socket_version")
                   (library-version)
                   "of an unknown version")))
    (unless (ignore-errors (version-suffices-p found wanted))
      (error 'library-too-old :found found :wanted wanted))))

(defun restart-library ()
  "A saved image has started: what it holds from before is stale from now on."
  (incf **epoch**)
  (load-library)
  (check-library))

(check-library)
(pushnew 'restart-library sb-ext:*init-hooks*)
