/** What the demo delivers: the .eml files beside this file, and a large message that is made when it is needed. */
import { createCipheriv } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'

export type SampleMessage = {
  /** The file's name; failures are reported under it. */
  name: string
  /** MAIL FROM; empty for what a machine sent (RFC 3834 §3). */
  mailFrom: string
  bytes: Buffer
}

export const messagesDirectory = new URL('./messages/', import.meta.url)

/** It is sent by a mailbox, with a login, and not delivered from outside like the others. */
const submissionFile = 'submission.eml'

const largeAttachmentBytes = 7_680_000 // a little more than 10 MiB in base64 with its line ends
const base64LineBytes = 76 // RFC 2045 §6.8

/** The files in the order of their names, then the large one. */
export async function loadMessages(): Promise<SampleMessage[]> {
  const files = (await readdir(messagesDirectory)).filter((name) => name.endsWith('.eml'))
  const wanted = files.filter((name) => name !== submissionFile).sort()
  return [...(await Promise.all(wanted.map(loadMessage))), makeLargeMessage()]
}

export function loadSubmission(): Promise<SampleMessage> {
  return loadMessage(submissionFile)
}

async function loadMessage(name: string): Promise<SampleMessage> {
  const bytes = await readFile(new URL(name, messagesDirectory))
  return { name, mailFrom: senderOf(name, bytes), bytes }
}

function senderOf(name: string, bytes: Buffer): string {
  const text = bytes.toString('utf8')
  const header = text.slice(0, text.indexOf('\r\n\r\n'))
  if (/^Auto-Submitted: auto-/m.test(header)) return ''
  const address = /^From: .*<([^<>]+@[^<>]+)>\r?$/m.exec(header)?.[1]
  if (address === undefined) throw new Error(`${name} has no sender`)
  return address
}

/** 10 MB with an attachment of pseudo-random bytes, the same in every run. */
export function makeLargeMessage(): SampleMessage {
  const mailFrom = 'scans@archive.example'
  const head = [
    'Date: Sat, 29 Mar 2025 15:00:00 +0000',
    `From: Scans <${mailFrom}>`,
    'To: Demo team <team@demo.test>',
    'Subject: The whole box, scanned',
    'Message-ID: <box-7@archive.example>',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="box"',
    '',
    '--box',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'All of box 7 is attached.',
    '--box',
    'Content-Type: application/octet-stream; name="box-7.raw"',
    'Content-Disposition: attachment; filename="box-7.raw"',
    'Content-Transfer-Encoding: base64',
    '',
    '',
  ].join('\r\n')
  const attachment = inLines(pseudoRandomBytes(largeAttachmentBytes).toString('base64'))
  return {
    name: 'the 10 MB message',
    mailFrom,
    bytes: Buffer.from(`${head}${attachment}--box--\r\n`, 'latin1'),
  }
}

/** A key stream with a fixed key: fast, does not compress, and needs no random numbers. */
function pseudoRandomBytes(count: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, 'mailwright'), Buffer.alloc(16)).update(
    Buffer.alloc(count),
  )
}

function inLines(base64: string): string {
  const lines: string[] = []
  for (let at = 0; at < base64.length; at += base64LineBytes) {
    lines.push(base64.slice(at, at + base64LineBytes), '\r\n')
  }
  return lines.join('')
}
