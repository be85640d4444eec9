/** Plain tables for the terminal, at most a hundred columns wide. */

const widthMax = 100

export type Column = { title: string; width: number }

/** @param columns the last one takes what is left. Longer texts are cut. */
export function tableOf(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const fixed = columns.slice(0, -1).reduce((sum, { width }) => sum + width + 1, 0)
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ width }, at) => {
        const cell = oneLine(cells[at] ?? '')
        return at === columns.length - 1 ? cut(cell, widthMax - fixed) : cut(cell, width).padEnd(width)
      })
      .join(' ')
      .trimEnd()
  return [line(columns.map(({ title }) => title)), ...rows.map(line)].map((text) => `${text}\n`).join('')
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`
}

/** What other servers said may hold anything; a terminal must not obey it. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
}

/** A length of time as a person says it: `12s`, `5m`, `3h`, `2d`. */
export function ageOf(from: Date, to: Date): string {
  const seconds = Math.max(0, Math.round((to.getTime() - from.getTime()) / 1000))
  if (seconds < 100) return `${seconds}s`
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)}m`
  return seconds < 48 * 3600 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`
}
