/** `mailwright export`, `import` and `copy`: a mailbox in and out, also beside a running server. */
import { readFile, stat } from 'node:fs/promises'
import { getAnyMailbox, subject } from '../mailboxes/mailboxes.ts'
import type { MailboxOwner } from '../messages/owner.ts'
import { readEml } from '../messages/transfer/eml.ts'
import { readEmlZip, writeEmlZip } from '../messages/transfer/eml-zip.ts'
import { exportMailbox } from '../messages/transfer/export.ts'
import { copyFromImap, type ImapSource } from '../messages/transfer/imap-copy.ts'
import { importItems } from '../messages/transfer/import.ts'
import { isMaildir, readMaildir, writeMaildir } from '../messages/transfer/maildir.ts'
import { folderNameOf, readMbox } from '../messages/transfer/mbox-reader.ts'
import { writeMbox } from '../messages/transfer/mbox-writer.ts'
import type { OnProgress, TransferItem, TransferSummary } from '../messages/transfer/transfer-item.ts'
import { openPlatform } from '../open-platform.ts'
import type { Config } from '../platform/config.ts'
import type { Platform } from '../platform/platform.ts'
import type { TransferFormat } from './transfer-formats.ts'

const progressEveryMs = 1000

/** Writes a whole mailbox to files. */
export async function exportCommand(
  config: Config,
  address: string,
  path: string,
  format: TransferFormat,
): Promise<void> {
  await withMailbox(config, address, async (platform, owner) => {
    const write = { mbox: writeMbox, maildir: writeMaildir, zip: writeEmlZip }[format]
    if (await exists(path)) throw new Error(`${path} is there already; choose a new name`)
    return await write(exportMailbox(platform, owner.mailboxId), path, showProgress())
  })
}

/** @param folder where messages go whose file does not tell; by default named after the file. */
export async function importCommand(
  config: Config,
  address: string,
  path: string,
  options: { format?: TransferFormat; folder?: string },
): Promise<void> {
  await withMailbox(config, address, async (platform, owner) => {
    const items = await readFiles(path, options.format, options.folder ?? folderNameOf(path))
    return await importItems(platform, owner, items, { onProgress: showProgress() })
  })
}

async function readFiles(
  path: string,
  format: TransferFormat | undefined,
  folder: string,
): Promise<AsyncIterable<TransferItem>> {
  if (!(await exists(path))) throw new Error(`${path} is not there`)
  if (format === 'maildir' || (format === undefined && (await isMaildir(path)))) return readMaildir(path)
  if (format === 'zip' || /\.zip$/i.test(path)) return readEmlZip(path, folder)
  return format === undefined && /\.eml$/i.test(path) ? readEml(path, 'INBOX') : readMbox(path, folder)
}

/** @param from `imaps://user@host:port` or `imap://…`; a user name with an @ in it is written with %40. */
export async function copyCommand(
  config: Config,
  address: string,
  from: string,
  options: { passwordFile: string; acceptAnyCertificate: boolean },
): Promise<void> {
  const source = await sourceOf(from, options)
  await withMailbox(config, address, async (platform, owner) => {
    return await copyFromImap(platform, owner, source, showProgress())
  })
}

async function sourceOf(
  from: string,
  options: { passwordFile: string; acceptAnyCertificate: boolean },
): Promise<ImapSource> {
  const url = URL.canParse(from) ? new URL(from) : null
  if (url === null || !['imap:', 'imaps:'].includes(url.protocol) || url.username === '') {
    throw new Error('the other server is named as imaps://USER@HOST or imap://USER@HOST:PORT')
  }
  if (url.password !== '')
    throw new Error('a password does not belong on the command line; use --password-file')
  const isImplicitTls = url.protocol === 'imaps:'
  const file = options.passwordFile === '-' ? '/dev/stdin' : options.passwordFile
  return {
    host: url.hostname,
    port: url.port === '' ? (isImplicitTls ? 993 : 143) : Number(url.port),
    isImplicitTls,
    username: decodeURIComponent(url.username),
    password: (await readFile(file, 'utf8')).replace(/\r?\n$/, ''),
    acceptsAnyCertificate: options.acceptAnyCertificate,
  }
}

async function withMailbox(
  config: Config,
  address: string,
  work: (platform: Platform, owner: MailboxOwner) => Promise<TransferSummary>,
): Promise<void> {
  await using opened = await openPlatform(config, { attach: true })
  const { platform } = opened
  const owner = subject(await getAnyMailbox(platform, address))
  const startedAt = performance.now()
  const summary = await work(platform, owner)
  process.stderr.write(report(summary, (performance.now() - startedAt) / 1000))
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}

/** A line each second, over the last one on a terminal. */
function showProgress(): OnProgress {
  let nextAt = performance.now() + progressEveryMs
  return (summary) => {
    if (performance.now() < nextAt) return
    nextAt = performance.now() + progressEveryMs
    const end = process.stderr.isTTY ? '\r' : '\n'
    process.stderr.write(`${counts(summary)} so far${end}`)
  }
}

function counts({ messages, sizeBytes }: TransferSummary): string {
  return `${messages} ${messages === 1 ? 'message' : 'messages'}, ${(sizeBytes / 1e6).toFixed(1)} MB`
}

function report(summary: TransferSummary, seconds: number): string {
  const lines = [`${counts(summary)} in ${seconds.toFixed(1)} s`]
  if (summary.skippedCount > 0) lines.push(`Left out: ${summary.skippedCount}`)
  for (const { what, reason } of summary.skipped) lines.push(`  ${what}: ${reason}`)
  const more = summary.skippedCount - summary.skipped.length
  if (more > 0) lines.push(`  and ${more} more`)
  return `${lines.join('\n')}\n`
}
