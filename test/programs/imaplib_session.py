"""A session of Python's imaplib, which stops at the first answer that is not the expected one.

Arguments: host, port of IMAP, port of IMAPS, address, password. The mailbox is new.
"""

import imaplib
import ssl
import sys
import time

host, port, tls_port, address, password = sys.argv[1:]

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def ok(answer, want=None):
    kind, data = answer
    assert kind == 'OK', answer
    assert want is None or data == want, f'{data!r} is not {want!r}'
    return data


def message(subject, text='Hello', more=''):
    return f'From: ann@x.test\r\nTo: ben@x.test\r\nSubject: {subject}\r\n{more}\r\n{text}\r\n'.encode()


def refused_login():
    with imaplib.IMAP4(host, int(port), timeout=20) as client:
        ok(client.starttls(context))
        try:
            client.login(address, 'wrong')
        except imaplib.IMAP4.error as error:
            assert b'AUTHENTICATIONFAILED' in error.args[0], error
        else:
            raise AssertionError('logged in with a wrong password')


def folders(client):
    ok(client.create('Projects/One'))
    ok(client.create('"Projects/Two &- more"'))
    names = [line.decode().rsplit(' "/" ', 1)[1] for line in ok(client.list('""', '"Projects*"'))]
    assert names == ['"Projects"', '"Projects/One"', '"Projects/Two &- more"'], names
    ok(client.rename('Projects/One', 'Projects/First'))
    ok(client.subscribe('Projects/First'))
    ok(client.unsubscribe('Projects'))
    assert b'"Projects/First"' in b''.join(ok(client.lsub()))
    ok(client.delete('Projects/First'))
    assert client.select('Projects/First')[0] == 'NO'
    ok(client.select('INBOX'))
    ok(client.namespace(), [b'(("" "/")) NIL NIL'])


def fill(client):
    stamp = imaplib.Time2Internaldate(time.mktime((2026, 1, 2, 3, 4, 5, 0, 0, -1)))
    ok(client.append('INBOX', r'(\Seen)', stamp, message('beta', 'the quick fox')))
    ok(client.append('INBOX', None, None, message('alpha', more='Message-ID: <1@x.test>\r\n')))
    more = 'Message-ID: <2@x.test>\r\nReferences: <1@x.test>\r\n'
    ok(client.append('INBOX', r'(\Flagged Work)', None, message('Re: alpha', 'a' * 3000, more)))
    missing, answer = client.append('Nowhere', None, None, message('x'))
    assert missing == 'NO' and b'TRYCREATE' in answer[0], answer
    ok(client.select('INBOX'), [b'3'])
    assert client.untagged_responses['READ-WRITE'] == [b'']


def search_and_fetch(client):
    ok(client.search(None, 'ALL'), [b'1 2 3'])
    ok(client.search(None, 'UNSEEN', 'SUBJECT', '"ALPHA"'), [b'2 3'])
    ok(client.search('UTF-8', 'BODY', '"quick"'), [b'1'])
    ok(client.search(None, 'KEYWORD', 'Work', 'LARGER', '2000'), [b'3'])
    ok(client.sort('(SUBJECT)', 'UTF-8', 'ALL'), [b'2 3 1'])
    ok(client.sort('REVERSE SIZE', 'UTF-8', 'ALL'), [b'3 2 1'])
    ok(client.thread('REFERENCES', 'UTF-8', 'ALL'), [b'(1)(2 3)'])
    ok(client.uid('SORT', '(REVERSE ARRIVAL)', 'UTF-8', '2:3'))
    whole = ok(client.fetch('1', '(RFC822.SIZE BODY.PEEK[])'))
    assert whole[0][1] == message('beta', 'the quick fox'), whole
    header = ok(client.fetch('2:3', '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])'))
    assert [piece[1] for piece in header if isinstance(piece, tuple)] == [
        b'Subject: alpha\r\n\r\n',
        b'Subject: Re: alpha\r\n\r\n',
    ], header
    envelope = ok(client.uid('FETCH', '2', '(ENVELOPE)'))[0]
    assert b'"alpha" (("' in envelope or b'"alpha" ((NIL NIL "ann" "x.test"))' in envelope, envelope


def change(client):
    flags = ok(client.store('2', '+FLAGS', r'(\Answered)'))[0]
    assert b'\\Answered' in imaplib.ParseFlags(flags) and flags.startswith(b'2 '), flags
    ok(client.store('2', '-FLAGS.SILENT', r'\Answered'), [None])
    ok(client.copy('1:2', 'Archive'))
    ok(client.uid('COPY', '3', 'Archive'))
    ok(client.status('Archive', '(MESSAGES UNSEEN UIDNEXT)'), [b'"Archive" (MESSAGES 3 UNSEEN 2 UIDNEXT 4)'])
    ok(client.uid('MOVE', '3', 'Trash'))
    ok(client.search(None, 'ALL'), [b'1 2'])
    ok(client.store('1', '+FLAGS', r'\Deleted'))
    assert ok(client.expunge())[-1] == b'1'
    ok(client.noop())
    ok(client.check())


def odds(client):
    root, quotas = ok(client.getquotaroot('INBOX'))
    assert root == [b'"INBOX" ""'] and quotas[0].startswith(b'"" (STORAGE '), (root, quotas)
    assert ok(client.getquota('""'))[0].startswith(b'"" (STORAGE ')
    kind, text = client.setquota('""', '(STORAGE 1)')
    assert kind == 'NO' and b'NOPERM' in text[0], text
    ok(client.xatom('ID', '("name" "imaplib")'))
    ok(client.select('INBOX', readonly=True))
    kind, text = client.store('1', '+FLAGS', r'\Seen')
    assert kind == 'NO', text
    ok(client.unselect())
    ok(client.select('Trash'))
    ok(client.close())


def utf8(client):
    ok(client.enable('UTF8=ACCEPT'))
    ok(client.create('"Entwürfe"'))
    subject = 'Grüße'.encode()
    ok(client.append('"Entwürfe"', None, None, b'Subject: ' + subject + b'\r\n\r\nx\r\n'))
    ok(client.select('"Entwürfe"'), [b'1'])
    fetched = ok(client.fetch('1', '(BODY.PEEK[HEADER])'))
    assert subject in fetched[0][1], fetched


refused_login()
with imaplib.IMAP4(host, int(port), timeout=20) as plain:
    ok(plain.starttls(context))
    assert 'STARTTLS' not in plain.capabilities
    ok(plain.login(address, password))
    folders(plain)
    fill(plain)
    search_and_fetch(plain)
    change(plain)
    odds(plain)
with imaplib.IMAP4_SSL(host, int(tls_port), ssl_context=context, timeout=20) as secure:
    ok(secure.authenticate('PLAIN', lambda _: f'\0{address}\0{password}'.encode()))
    utf8(secure)
print('whole')
