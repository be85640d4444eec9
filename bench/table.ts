/** One table for each benchmark: what was measured, the figure, what it should be. */

export type Row = {
  what: string
  value: number
  unit: string
  /** What the figure should reach: at least, or at most. */
  goal?: { atLeast: number } | { atMost: number }
}

export function printTable(name: string, rows: readonly Row[]): void {
  const cells = rows.map((row) => [row.what, `${format(row.value)} ${row.unit}`, goalText(row), verdict(row)])
  const table = [['measured', 'figure', 'goal', ''], ...cells]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 1 ? cell.padStart(widths[1] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
  process.stdout.write(`\n${name}\n${table.map((row) => `  ${line(row).trimEnd()}`).join('\n')}\n`)
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value >= 10 ? 1 : 2)
}

function goalText({ goal, unit }: Row): string {
  if (!goal) return ''
  return 'atLeast' in goal ? `>= ${format(goal.atLeast)} ${unit}` : `<= ${format(goal.atMost)} ${unit}`
}

function verdict({ goal, value }: Row): string {
  if (!goal) return ''
  const reached = 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost
  return reached ? 'reached' : 'missed'
}
