/** The configuration's reference page, made from the schema: docs/configuration.md is this text. */
import { configSchema } from './config-schema.ts'

export function configurationReference(): string {
  const rows = Object.values(configSchema).map(
    ({ variable, shape, doc }) => `| \`${variable}\` | ${shape.replaceAll('|', '\\|')} | ${doc} |`,
  )
  return [
    '# Configuration',
    '',
    'Mailwright reads environment variables, once, at the start. It refuses a `MAILWRIGHT_*` variable that it does',
    'not know and a value that it cannot use, with one sentence for each. `mailwright config` prints this page.',
    '',
    '| variable | value, default | what it is |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}
