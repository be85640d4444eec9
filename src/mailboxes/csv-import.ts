/** Mailboxes made from the lines of a file: all of them or none, unless the bad ones may be left out. */
import type { Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { type ErrorCode, Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { type Batch, createBatch } from './batches.ts'
import type { CsvProblem, CsvRow } from './csv.ts'
import type { ProvisionResult } from './provision.ts'

export type ImportResult = { line: number; result: ProvisionResult }

/** A line that was not made, by whoever found why: the file's reader or the core. */
export type BadLine = CsvProblem & { index: number; line: number; code: ErrorCode }

/**
 * Makes what can be made of a file.
 * @param hasLocalPart whether the file has addresses in two columns.
 * @returns a result for each line and every bad line, in their order.
 * @throws Refusal forbidden.
 */
export async function importMailboxes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  rows: readonly CsvRow[],
  hasLocalPart: boolean,
): Promise<{ batch: Batch; results: ImportResult[]; bad: BadLine[] }> {
  const items = rows.map(
    ({ item, address, problems }) =>
      item ?? { address, refusal: new Refusal('csv_invalid', problems.map(sentence).join(' ')) },
  )
  const { batch, results } = await createBatch(platform, tx, scope, items)
  const lines: ImportResult[] = []
  const bad: BadLine[] = []
  for (const [index, row] of rows.entries()) {
    const result = results[index]
    if (!result) throw new Error('a line of the file has no result')
    lines.push({ line: row.line, result })
    if (result.status !== 'failed') continue
    const { code, detail } = result
    const found = row.item ? [{ column: columnOf(code, hasLocalPart), reason: detail }] : row.problems
    bad.push(...found.map((problem) => ({ ...problem, index, line: row.line, code })))
  }
  return { batch, results: lines, bad }
}

const fieldsMax = 1000
const namedMax = 5

/** The refusal of a file with bad lines. */
export function refusalOfLines(bad: readonly BadLine[]): Refusal {
  const named = bad.slice(0, namedMax).map((one) => `Line ${one.line}: ${sentence(one)}`)
  const more = bad.length > namedMax ? [`And ${bad.length - namedMax} more.`] : []
  return new Refusal('csv_invalid', [...named, ...more].join(' '), {
    fields: bad.slice(0, fieldsMax).map((one) => ({
      pointer: `/${one.line}${one.column === null ? '' : `/${one.column}`}`,
      detail: one.reason,
    })),
  })
}

function sentence({ column, reason }: CsvProblem): string {
  const text = column === null ? reason : `${column}: ${reason}`
  return text.endsWith('.') ? text : `${text}.`
}

/** The column that a refusal of the core is about. */
function columnOf(code: ErrorCode, hasLocalPart: boolean): string | null {
  switch (code) {
    case 'address_invalid':
    case 'address_taken':
    case 'address_repeated':
      return hasLocalPart ? 'local_part' : 'address'
    case 'domain_not_found':
    case 'domain_not_usable':
      return hasLocalPart ? 'domain' : 'address'
    case 'password_too_weak':
      return 'password'
    case 'service_unavailable':
      return 'service'
    default:
      return null
  }
}
