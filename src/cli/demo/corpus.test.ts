/** The messages of the demo keep their exact bytes, and show what they are there to show. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadMessages, loadSubmission, type SampleMessage } from './corpus.ts'
import { submission } from './names.ts'

const lineBytesMax = 998 // RFC 5322 §2.1.1, without the CRLF

const messages = [...(await loadMessages()), await loadSubmission()]

for (const { name, bytes } of messages) {
  test(`${name}: every line ends with CRLF and has at most ${lineBytesMax} bytes`, () => {
    const text = bytes.toString('latin1')
    assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n/)
    assert.ok(text.endsWith('\r\n'))
    assert.ok(text.split('\r\n').every((line) => line.length <= lineBytesMax))
    assert.ok(text.includes('\r\n\r\n'), 'the header ends with an empty line')
  })
}

const shown: [what: string, file: string, pattern: RegExp][] = [
  ['an attachment', 'attachment-pdf.eml', /Content-Disposition: attachment; filename="/],
  ['a file name in parts and in another charset', 'attachment-names.eml', /filename\*0\*=UTF-8''/],
  ['multiparts within multiparts', 'nested-multiparts.eml', /boundary="a\.b\.c\.d\.e"/],
  ['a message within a message', 'forwarded-message.eml', /Content-Type: message\/rfc822/],
  ['a digest', 'mailing-list-digest.eml', /multipart\/digest/],
  ['ISO-2022-JP, with its escapes', 'japanese-iso-2022-jp.eml', /\$B\$\$\$D\$b/],
  ['KOI8-R in eight bits', 'russian-koi8-r-8bit.eml', /koi8-r.*\r\n\r\n\xfa\xc4\xd2/s],
  ['GB18030', 'chinese-gb18030.eml', /charset=GB18030/],
  ['windows-1252', 'western-windows-1252.eml', /charset="windows-1252".*=93Smart/s],
  ['EUC-KR and ISO-8859-8', 'korean-and-hebrew.eml', /EUC-KR.*ISO-8859-8-I/s],
  ['UTF-8 in eight bits', 'utf8-8bit.eml', /8bit.*\xc3\xb6/s],
  ['addresses in UTF-8', 'utf8-addresses.eml', /From: [^<]+<[\x80-\xff]+@/],
  ['lines of dots', 'dot-stuffing.eml', /\r\n\.\r\n\.\.\r\n\.\.\.\r\n/],
  ['a last line of one dot', 'dot-stuffing.eml', /\r\n\.\r\n$/],
  ['the longest line', 'longest-lines.eml', /\r\n[^\r\n]{998}\r\n/],
  ['an empty body', 'empty-body.eml', /^(?:[^\r\n]+\r\n)+\r\n$/],
  ['white space at the ends of lines', 'white-space.eml', / \r\n.*\t\r\n.*\r\n\r\n\r\n$/s],
  ['an S/MIME signature', 'smime-signed.eml', /application\/pkcs7-signature/],
  ['an encrypted message', 'pgp-encrypted.eml', /multipart\/encrypted/],
  ['an invitation', 'calendar-invitation.eml', /text\/calendar.*BEGIN:VEVENT/s],
  ['HTML with inline images', 'html-inline-images.eml', /cid:logo@mori.*Content-ID: <logo@mori>/s],
  ['a delivery report', 'delivery-report.eml', /multipart\/report/],
]
for (const [what, file, pattern] of shown) {
  test(`the messages show ${what}`, () => {
    assert.match(find(file).bytes.toString('latin1'), pattern)
  })
}

test('what a machine sent has no sender in its envelope, the others have theirs', () => {
  assert.equal(find('delivery-report.eml').mailFrom, '')
  assert.equal(find('utf8-addresses.eml').mailFrom, '渡辺@例え.test')
  assert.equal(find('submission.eml').mailFrom, submission.from)
})

test('the large message has 10 MB and is the same every time', async () => {
  const large = find('the 10 MB message').bytes
  assert.ok(large.length > 10 * 1024 ** 2 && large.length < 10.5 * 1024 ** 2)
  const again = (await loadMessages()).at(-1)
  assert.ok(again?.bytes.equals(large))
})

function find(name: string): SampleMessage {
  const message = messages.find((one) => one.name === name)
  assert.ok(message, `${name} is missing`)
  return message
}
