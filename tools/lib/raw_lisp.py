"""The raw layer of the Common Lisp binding, made from the manifest: bindings/lisp/src/raw.lisp.

SocketLoop_wait becomes SOCKETPOLL/RAW:SOCKET-LOOP-WAIT, SOCKET_DATA the constant +SOCKET-DATA+, a
member of a structure SOCKET-COMPLETION-KIND, which reads it behind a SAP. Handles and `user` words
are fixnums and memory is a SAP, so that no call and no reading conses when it is compiled inline.
"""
import re

HEAD = ''';;;; The raw layer: every function, constant and structure of the C interface, and nothing else.
;;;; Written by tools/generate from the headers; do not edit. Nothing here signals a NETWORK-ERROR:
;;;; a code is a number and a handle a word, 0 for NULL. The rules of tools/lib/raw_lisp.py.

(in-package #:socketpoll/raw)

'''

TEXT_AT = r'''(defun text-at (sap)
  "The string at SAP, which ends with a NUL; NIL for NULL. What is no UTF-8 in it is U+FFFD."
  (declare (type system-area-pointer sap) (optimize speed))
  (unless (zerop (sb-sys:sap-int sap))
    (let* ((length (loop for at of-type (unsigned-byte 32) from 0
                         until (zerop (sap-ref-8 sap at))
                         finally (return at)))
           (octets (make-array length :element-type '(unsigned-byte 8))))
      (dotimes (at length) (setf (aref octets at) (sap-ref-8 sap at)))
      (sb-ext:octets-to-string octets :external-format '(:utf-8 :replacement #\ufffd)))))

'''

INTEGERS = {'int8': '(signed 8)', 'int16': '(signed 16)', 'int32': '(signed 32)',
            'int64': '(signed 64)', 'uint8': '(unsigned 8)', 'uint16': '(unsigned 16)',
            'uint32': '(unsigned 32)', 'uint64': '(unsigned 64)'}
READERS = {'int32': 'signed-sap-ref-32', 'int64': 'signed-sap-ref-64', 'uint32': 'sap-ref-32',
           'uint64': 'sap-ref-64'}


def lisp_name(name):
    """SocketHTTPServer_get_fd -> socket-http-server-get-fd"""
    name = re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '-', name)
    return name.replace('_', '-').lower()


def alien_type(kind, role):
    if kind in INTEGERS:
        return INTEGERS[kind]
    if kind == 'void':
        return 'void'
    if kind == 'string':
        return '(c-string :external-format :utf-8)'
    if kind.startswith('handle ') or role == 'opaque':
        return '(unsigned 64)'
    return 'system-area-pointer'


def docstring(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def function(entry):
    name = lisp_name(entry['name'])
    parameters = entry['parameters']
    names = [lisp_name(p['name']) for p in parameters]
    # T cannot be bound.
    names = ['value' if n == 't' else n for n in names]
    types = [alien_type(p['type'], p.get('role')) for p in parameters]
    # What comes in is decoded by TEXT-AT: a peer may have sent it, and a C-STRING signals an error.
    result = 'system-area-pointer' if entry['returns'] == 'string' else alien_type(entry['returns'], None)
    call = (f'(alien-funcall (extern-alien "{entry["name"]}"\n'
            f'                               (function {" ".join([result] + types)}))')
    call += ''.join(f'\n                 {n}' for n in names) + ')'
    if entry['returns'] == 'string':
        call = f'(text-at {call})'
    if entry['returns'].startswith('handle '):
        call = f'(truly-the word {call})'
    return (f'(declaim (inline {name}))\n'
            f'(defun {name} ({" ".join(names)})\n'
            f'  {docstring(entry["text"])}\n'
            f'  {call})\n')


def structure(entry):
    prefix = lisp_name(entry['name'].removesuffix('_T'))
    lines = [f'(defconstant +{prefix}-size+ {entry["size"]})']
    for member in entry['members']:
        name = f'{prefix}-{lisp_name(member["name"])}'
        reader = READERS.get(member['type'])
        body = f'({reader} sap {member["offset"]})' if reader else ''
        if not reader and member['name'] in ('data',):
            body = f'(sap-ref-sap sap {member["offset"]})'
        elif not reader:
            # A handle or the program's own word, of which this binding sets only fixnums.
            body = f'(truly-the word (ldb (byte 62 0) (sap-ref-64 sap {member["offset"]})))'
        lines.append(f'(declaim (inline {name}))\n'
                     f'(defun {name} (sap)\n'
                     f'  (declare (type system-area-pointer sap))\n'
                     f'  {body})')
    return '\n'.join(lines) + '\n'


def generate(interface):
    exports = [f'+{lisp_name(c["name"])}+' for c in interface['constants']]
    exports += [lisp_name(f['name']) for f in interface['functions']]
    for entry in interface['structs']:
        prefix = lisp_name(entry['name'].removesuffix('_T'))
        exports.append(f'+{prefix}-size+')
        exports += [f'{prefix}-{lisp_name(m["name"])}' for m in entry['members']]
    parts = [HEAD, '(eval-when (:compile-toplevel :load-toplevel :execute)\n  (export \'(+version+ word']
    parts += [f'\n            {name}' for name in exports]
    parts.append(')))\n\n')
    parts.append(f'(sb-int:defconstant-eqx +version+ "{interface["version"]}" #\'equal\n'
                 '  "The version of the library whose headers this layer was made of.")\n\n')
    parts.append('(deftype word ()\n  "A handle, or a word that came back: always a fixnum."\n'
                 '  \'(unsigned-byte 62))\n\n')
    parts.append(TEXT_AT)
    for constant in interface['constants']:
        text = ' ' + docstring(constant['text']) if constant['text'] else ''
        parts.append(f'(defconstant +{lisp_name(constant["name"])}+ {constant["value"]}{text})\n')
    parts.append('\n')
    parts += [structure(entry) + '\n' for entry in interface['structs']]
    parts.append('\n'.join(function(entry) for entry in interface['functions']))
    return ''.join(parts)
