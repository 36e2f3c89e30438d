"""Prepare, Fulfill and Reject as immutable Python objects: for controllers, tools and tests, not for the packet path.

Owns the conversion between wire bytes and fields; must not decide anything about a packet. Source: IL-RFC 27.
"""
cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport UINT64_MAX, uint8_t, uint32_t, uint64_t

from ilprouter.bindings.kernel cimport ILP_ADDRESS_MAX, ILP_DATA_MAX, ILP_F08_DATA_LEN, ILP_FULFILL, ILP_FULFILL_MAX, \
    ILP_INVALID_PACKET, ILP_MESSAGE_MAX, ILP_OK, ILP_PREPARE, ILP_PREPARE_MAX, ILP_REJECT, ILP_REJECT_MAX, ILP_TIME_MS_MAX, \
    ILP_TIME_MS_MIN, ilp_address_characters, ilp_address_valid, ilp_bytes_view, ilp_fulfill_encode, ilp_fulfill_parse, \
    ilp_fulfill_view, ilp_oer_get_u64, ilp_oer_put_u64, ilp_prepare_encode, ilp_prepare_parse, ilp_prepare_view, \
    ilp_reject_encode, ilp_reject_parse, ilp_reject_view, ilp_sha256_32

from ilprouter.errors import AmountOverflowError, LocalProtocolError, RemoteProtocolError

DATA_MAX = ILP_DATA_MAX
MESSAGE_MAX = ILP_MESSAGE_MAX
ADDRESS_MAX = ILP_ADDRESS_MAX
PACKET_MAX = ILP_REJECT_MAX


cdef object ours(str what):
    return LocalProtocolError(what, ILP_INVALID_PACKET)


cdef object theirs(str what):
    return RemoteProtocolError(what, ILP_INVALID_PACKET)


cdef ilp_bytes_view view_of(bytes octets) noexcept:
    cdef ilp_bytes_view view
    view.at = <const uint8_t *>PyBytes_AS_STRING(octets)
    view.len = <uint32_t>len(octets)
    return view


cdef bytes octets_of(ilp_bytes_view view):
    return PyBytes_FromStringAndSize(<const char *>view.at, view.len)


cdef int check_data(bytes data) except -1:
    if len(data) > ILP_DATA_MAX:
        raise ours(f"data has {len(data)} bytes, more than {ILP_DATA_MAX}")
    return 0


@cython.final
cdef class Prepare:
    """A request to pay if the condition is met in time.

    amount                u64, indivisible units of the link's asset
    expires_at            wall clock, ms since 1970-01-01T00:00:00Z; see ilprouter.core.timestamp
    execution_condition   32 bytes: SHA-256 of the fulfillment
    destination           full ILP address
    data                  at most DATA_MAX bytes, opaque
    raises                AmountOverflowError when the amount does not fit u64, LocalProtocolError for any other broken rule
    """

    __match_args__ = ("amount", "expires_at", "execution_condition", "destination", "data")

    def __init__(self, amount, expires_at, bytes execution_condition not None, str destination not None, bytes data not None=b""):
        cdef bytes address = destination.encode("utf-8", "surrogatepass")
        if not 0 <= amount <= UINT64_MAX:
            raise AmountOverflowError(f"amount {amount} does not fit an unsigned integer of 64 bits")
        if not ILP_TIME_MS_MIN <= expires_at <= ILP_TIME_MS_MAX:
            raise ours(f"expires_at {expires_at} ms lies outside the years 1 to 9999")
        if len(execution_condition) != 32:
            raise ours(f"an execution condition has 32 bytes, not {len(execution_condition)}")
        if not ilp_address_valid(<const uint8_t *>PyBytes_AS_STRING(address), len(address)):
            raise ours(f"destination {destination!r} is no ILP address")
        check_data(data)
        self.amount = amount
        self.expires_at = expires_at
        self.execution_condition = execution_condition
        self.destination = destination
        self.data = data

    def to_bytes(self):
        """The canonical packet."""
        cdef uint8_t out[ILP_PREPARE_MAX]
        cdef bytes address = self.destination.encode("ascii")
        cdef size_t size = ilp_prepare_encode(out, ILP_PREPARE_MAX, self.amount, self.expires_at,
                                              view_of(self.execution_condition).at, view_of(address), view_of(self.data))
        return PyBytes_FromStringAndSize(<char *>out, size)

    def __eq__(self, other):
        return isinstance(other, Prepare) and fields(self) == fields(other)

    def __hash__(self):
        return hash(fields(self))

    def __reduce__(self):
        return Prepare, fields(self)

    def __repr__(self):
        return (f"Prepare(amount={self.amount}, expires_at={self.expires_at}, "
                f"execution_condition=bytes.fromhex('{self.execution_condition.hex()}'), "
                f"destination={self.destination!r}, data={self.data!r})")


@cython.final
cdef class Fulfill:
    """The answer that claims the money.

    fulfillment   32 bytes
    data          at most DATA_MAX bytes, opaque
    raises        LocalProtocolError for a broken rule
    """

    __match_args__ = ("fulfillment", "data")

    def __init__(self, bytes fulfillment not None, bytes data not None=b""):
        if len(fulfillment) != 32:
            raise ours(f"a fulfillment has 32 bytes, not {len(fulfillment)}")
        check_data(data)
        self.fulfillment = fulfillment
        self.data = data

    def to_bytes(self):
        """The canonical packet."""
        cdef uint8_t out[ILP_FULFILL_MAX]
        cdef size_t size = ilp_fulfill_encode(out, ILP_FULFILL_MAX, view_of(self.fulfillment).at, view_of(self.data))
        return PyBytes_FromStringAndSize(<char *>out, size)

    def __eq__(self, other):
        return isinstance(other, Fulfill) and fields(self) == fields(other)

    def __hash__(self):
        return hash(fields(self))

    def __reduce__(self):
        return Fulfill, fields(self)

    def __repr__(self):
        return f"Fulfill(fulfillment=bytes.fromhex('{self.fulfillment.hex()}'), data={self.data!r})"


@cython.final
cdef class Reject:
    """The answer that gives the money back.

    code           three ASCII characters, e.g. "F02"; unknown codes are allowed
    triggered_by   ILP address of the node that made it; may be empty in what others send
    message        text for people, at most MESSAGE_MAX bytes of UTF-8; bytes that are not UTF-8 appear as lone surrogates and
                   are written back as they came
    data           at most DATA_MAX bytes, opaque
    raises         LocalProtocolError for a broken rule
    """

    __match_args__ = ("code", "triggered_by", "message", "data")

    def __init__(self, str code not None, str triggered_by not None, str message not None="", bytes data not None=b""):
        cdef bytes address = triggered_by.encode("utf-8", "surrogatepass")
        if len(code) != 3 or not code.isascii():
            raise ours(f"an error code is three ASCII characters, not {code!r}")
        cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(address)
        if len(address) > ILP_ADDRESS_MAX or not ilp_address_characters(at, len(address)):
            raise ours(f"triggered_by {triggered_by!r} is no ILP address")
        if len(message_octets(message)) > ILP_MESSAGE_MAX:
            raise ours(f"the message is longer than {ILP_MESSAGE_MAX} bytes")
        check_data(data)
        self.code = code
        self.triggered_by = triggered_by
        self.message = message
        self.data = data

    def to_bytes(self):
        """The canonical packet."""
        cdef uint8_t out[ILP_REJECT_MAX]
        cdef bytes code = self.code.encode("ascii")
        cdef bytes address = self.triggered_by.encode("ascii")
        cdef bytes message = message_octets(self.message)
        cdef size_t size = ilp_reject_encode(out, ILP_REJECT_MAX, view_of(code).at, view_of(address), view_of(message),
                                             view_of(self.data))
        return PyBytes_FromStringAndSize(<char *>out, size)

    def __eq__(self, other):
        return isinstance(other, Reject) and fields(self) == fields(other)

    def __hash__(self):
        return hash(fields(self))

    def __reduce__(self):
        return Reject, fields(self)

    def __repr__(self):
        return f"Reject(code={self.code!r}, triggered_by={self.triggered_by!r}, message={self.message!r}, data={self.data!r})"


cdef tuple fields(packet):
    return tuple([getattr(packet, name) for name in packet.__match_args__])


cdef bytes message_octets(str message):
    try:
        return message.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ours(f"the message {message!r} has no UTF-8 form") from None


cdef Prepare prepare_of(const uint8_t *packet, size_t size):
    cdef ilp_prepare_view view
    if ilp_prepare_parse(packet, size, &view) != ILP_OK:
        raise theirs(f"{size} bytes are no valid Prepare")
    cdef Prepare prepare = Prepare.__new__(Prepare)
    prepare.amount = view.amount
    prepare.expires_at = view.expires_at_ms
    prepare.execution_condition = PyBytes_FromStringAndSize(<const char *>view.condition_view, 32)
    prepare.destination = octets_of(view.destination).decode("ascii")
    prepare.data = octets_of(view.data)
    return prepare


cdef Fulfill fulfill_of(const uint8_t *packet, size_t size):
    cdef ilp_fulfill_view view
    if ilp_fulfill_parse(packet, size, &view) != ILP_OK:
        raise theirs(f"{size} bytes are no valid Fulfill")
    cdef Fulfill fulfill = Fulfill.__new__(Fulfill)
    fulfill.fulfillment = PyBytes_FromStringAndSize(<const char *>view.fulfillment_view, 32)
    fulfill.data = octets_of(view.data)
    return fulfill


cdef Reject reject_of(const uint8_t *packet, size_t size):
    cdef ilp_reject_view view
    if ilp_reject_parse(packet, size, &view) != ILP_OK:
        raise theirs(f"{size} bytes are no valid Reject")
    cdef Reject reject = Reject.__new__(Reject)
    reject.code = PyBytes_FromStringAndSize(<const char *>view.code_view, 3).decode("ascii")
    reject.triggered_by = octets_of(view.triggered_by).decode("ascii")
    reject.message = octets_of(view.message).decode("utf-8", "surrogateescape")
    reject.data = octets_of(view.data)
    return reject


def parse(packet not None):
    """Read one packet of any type; bytes after it are ignored, non-canonical lengths are accepted.

    packet   bytes, bytearray, memoryview: any contiguous buffer
    returns  Prepare, Fulfill or Reject
    raises   RemoteProtocolError when the bytes are no valid ILPv4 packet
    """
    cdef Py_buffer buffer
    cdef const uint8_t *at
    PyObject_GetBuffer(packet, &buffer, PyBUF_SIMPLE)
    try:
        at = <const uint8_t *>buffer.buf
        if buffer.len == 0:
            raise theirs("no bytes at all")
        if at[0] == ILP_PREPARE:
            return prepare_of(at, buffer.len)
        if at[0] == ILP_FULFILL:
            return fulfill_of(at, buffer.len)
        if at[0] == ILP_REJECT:
            return reject_of(at, buffer.len)
        raise theirs(f"{at[0]} is no packet type of ILPv4")
    finally:
        PyBuffer_Release(&buffer)


def amount_too_large_data(uint64_t received, uint64_t maximum) -> bytes:
    """The data of an F08 Reject.

    received, maximum   units of the account the Prepare came in on; maximum is inclusive
    """
    cdef uint8_t out[ILP_F08_DATA_LEN]
    ilp_oer_put_u64(out, received)
    ilp_oer_put_u64(out + 8, maximum)
    return PyBytes_FromStringAndSize(<char *>out, ILP_F08_DATA_LEN)


def parse_amount_too_large_data(bytes data not None) -> tuple[int, int]:
    """Read (received, maximum) from the data of an F08 Reject; some nodes send none.

    raises   RemoteProtocolError when there are fewer than 16 bytes
    """
    if len(data) < ILP_F08_DATA_LEN:
        raise theirs(f"{len(data)} bytes hold no F08 amounts")
    cdef const uint8_t *at = view_of(data).at
    return ilp_oer_get_u64(at), ilp_oer_get_u64(at + 8)


def condition_of(bytes fulfillment not None) -> bytes:
    """SHA-256 of a fulfillment (32 bytes): the condition it fulfils."""
    cdef uint8_t digest[32]
    if len(fulfillment) != 32:
        raise ours(f"a fulfillment has 32 bytes, not {len(fulfillment)}")
    ilp_sha256_32(view_of(fulfillment).at, digest)
    return PyBytes_FromStringAndSize(<char *>digest, 32)
