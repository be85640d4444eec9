/** Invoices of tests, paid from wallets that have just enough, and a reader of their documents. */
import assert from 'node:assert/strict'
import { inflateSync } from 'node:zlib'
import type { Scope } from '../accounts/principals.ts'
import type { BillLine } from '../billing/amounts.ts'
import { payBill } from '../billing/bills.ts'
import { lockPayer } from '../billing/payers.ts'
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { giveMoney } from './test-billing.ts'

type Owner = Pick<Scope, 'organizationId' | 'workspaceId'>

/** @returns its id. */
export async function writeInvoice(
  platform: Platform,
  owner: Owner,
  lines: readonly Partial<BillLine>[],
  money = 1e9,
): Promise<string> {
  await giveMoney(platform, owner, money)
  const { invoiceId } = await transaction(platform.db, async (tx) => {
    const payer = await lockPayer(platform, tx, owner, [])
    const preset = { kind: 'once', item: 'mailbox', subjectId: null, quantity: 1, unitAmount: 100 } as const
    return await payBill(platform, tx, {
      payer,
      cause: 'mailbox',
      causeId: null,
      description: 'Something of a test',
      lines: lines.map((line) => ({ ...preset, description: 'A mailbox', ...line })),
    })
  })
  assert.ok(invoiceId)
  return invoiceId
}

/**
 * The text of a PDF whose fonts have maps to Unicode, page by page: the strings of its content streams in their order
 * (ISO 32000-1 §9.10.3). Enough for what pdfkit writes.
 */
export function pdfText(file: Buffer): string[] {
  const objects = new Map<string, { head: string; data: string }>()
  const text = file.toString('latin1')
  for (const found of text.matchAll(/(\d+) 0 obj\n([\s\S]*?)\nendobj/g)) {
    const [, id = '', body = ''] = found
    const [head = '', stream] = body.split(/stream\r?\n/, 2)
    const bytes = Buffer.from((stream ?? '').replace(/\r?\nend$/, ''), 'latin1')
    const data = /FlateDecode/.test(head) ? inflateSync(bytes).toString('latin1') : bytes.toString('latin1')
    objects.set(id, { head, data })
  }
  const head = (id = ''): string => objects.get(id)?.head ?? ''
  const maps = new Map<string, Map<string, string>>()
  for (const [id, { head: font }] of objects) {
    const map = /\/ToUnicode (\d+) 0 R/.exec(font)?.[1]
    if (map !== undefined) maps.set(id, unicodeMap(objects.get(map)?.data ?? ''))
  }
  const pages = [...objects.values()].filter(({ head: page }) => /\/Type \/Page\b(?!s)/.test(page))
  return pages.map(({ head: page }) => {
    const inline = /\/Font <<([\s\S]*?)>>/.exec(page)?.[1]
    const resources = inline ?? head(/\/Resources (\d+) 0 R/.exec(page)?.[1])
    const fonts = new Map(
      [...resources.matchAll(/\/(F\d+) (\d+) 0 R/g)].map(([, name = '', id = '']) => [name, maps.get(id)]),
    )
    const content = objects.get(/\/Contents (\d+) 0 R/.exec(page)?.[1] ?? '')?.data ?? ''
    return contentText(content, fonts)
  })
}

function contentText(content: string, fonts: Map<string, Map<string, string> | undefined>): string {
  let map: Map<string, string> | undefined
  let text = ''
  for (const [, font, shown] of content.matchAll(/\/(F\d+) [\d.]+ Tf|\[([^\]]*)\] TJ/g)) {
    if (font !== undefined) map = fonts.get(font)
    else {
      const hex = [...(shown ?? '').matchAll(/<([\da-f]+)>/gi)].map(([, digits = '']) => digits).join('')
      text += `${(hex.match(/.{4}/g) ?? []).map((code) => map?.get(code.toLowerCase()) ?? '').join('')}\n`
    }
  }
  return text
}

/** The codes of a font, by the ranges of its map. */
function unicodeMap(cmap: string): Map<string, string> {
  const map = new Map<string, string>()
  for (const [, first = '', , list = ''] of cmap.matchAll(/<([\da-f]+)>\s*<([\da-f]+)>\s*\[([^\]]*)\]/gi)) {
    for (const [index, [, hex = '']] of [...list.matchAll(/<([\da-f ]*)>/gi)].entries()) {
      const code = (Number.parseInt(first, 16) + index).toString(16).padStart(4, '0')
      const units = (hex.match(/[\da-f]{4}/gi) ?? []).map((unit) => Number.parseInt(unit, 16))
      map.set(code, String.fromCharCode(...units))
    }
  }
  return map
}
