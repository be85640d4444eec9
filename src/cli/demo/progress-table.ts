/** The table of the demo: a row for each step when it ends and, on a terminal, a bar while it runs. */
import cliProgress from 'cli-progress'

export type Step<T> = {
  title: string
  /** What is counted, and how many there will be; null when the step is one thing. */
  count: { total: number; unit: string } | null
  /** @param tick is called for each thing that is done, with its size. */
  work(tick: (sizeBytes: number) => void): Promise<T>
}

export type ProgressTable = {
  heading(): void
  /** Runs the step and writes its row, also when it fails. */
  run<T>(step: Step<T>): Promise<T>
  /** The line below the table, with the time of all steps. */
  total(title: string): void
}

const titleWidth = 40
const countWidth = 14
const sizeWidth = 9
const timeWidth = 9
const rateWidth = 8
const indent = '  '
const rule = `${indent}${'─'.repeat(titleWidth + countWidth + sizeWidth + timeWidth + rateWidth - indent.length)}\n`
const clearLine = '\r\x1b[K'

/** @param stopped rejects when no step can go on; the one that is running fails with it. */
export function createProgressTable(out: NodeJS.WriteStream, stopped: Promise<never>): ProgressTable {
  const startedMs = performance.now()
  return {
    heading: () => {
      out.write(row('Step', 'Count', 'Size', 'Time', 'Per s'))
      out.write(rule)
    },
    async run(step) {
      const stepStartedMs = performance.now()
      const bar = out.isTTY ? showBar(out, step) : null
      const progress = { done: 0, sizeBytes: 0 }
      let written = row(step.title, 'failed', '', '', '')
      const tick = (sizeBytes: number): void => {
        progress.done += 1
        progress.sizeBytes += sizeBytes
        bar?.update(progress.done)
      }
      try {
        const result = await Promise.race([step.work(tick), stopped])
        written = rowOf(step, { ...progress, ms: performance.now() - stepStartedMs })
        return result
      } finally {
        bar?.clear()
        out.write(written)
      }
    },
    total: (title) => {
      out.write(rule)
      out.write(row(title, '', '', seconds(performance.now() - startedMs), ''))
    },
  }
}

type Bar = { update(done: number): void; clear(): void }

function showBar(out: NodeJS.WriteStream, { title, count }: Step<unknown>): Bar {
  if (count === null || count.total === 1) {
    out.write(`${indent}${title} …`)
    return { update: () => undefined, clear: () => void out.write(clearLine) }
  }
  const bar = new cliProgress.SingleBar(
    {
      format: `${indent}${title.padEnd(titleWidth)} {bar} {value}/{total}`,
      stream: out,
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
    },
    cliProgress.Presets.shades_classic,
  )
  bar.start(count.total, 0)
  return { update: (done) => bar.update(done), clear: () => bar.stop() }
}

function rowOf(
  { title, count }: Step<unknown>,
  { done, sizeBytes, ms }: { done: number; sizeBytes: number; ms: number },
): string {
  return row(
    title,
    count === null ? '' : `${done} ${count.unit}`,
    sizeBytes === 0 ? '' : megabytes(sizeBytes),
    seconds(ms),
    done < 2 ? '' : Math.round(done / (ms / 1000)).toLocaleString('en'),
  )
}

function row(title: string, count: string, size: string, time: string, rate: string): string {
  const cells = [
    `${indent}${title}`.padEnd(titleWidth),
    count.padStart(countWidth),
    size.padStart(sizeWidth),
    time.padStart(timeWidth),
    rate.padStart(rateWidth),
  ]
  return `${cells.join('').trimEnd()}\n`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}

function megabytes(bytes: number): string {
  return bytes < 100_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}
