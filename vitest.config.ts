import { defineConfig } from 'vitest/config'

const never = ['**/node_modules/**', '**/dist/**']
/** Rules over the text of the project; they start nothing and need no build. */
const house = ['test/house-rules.test.ts', 'test/docs.test.ts']
/** Limits of waits that a machine which stands still for seconds does not reach. */
const setupFiles = ['test/patience.ts']

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'house',
          include: house,
          exclude: never,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'unit',
          include: ['{shared,agent,broker,client}/**/*.test.ts'],
          exclude: never,
          setupFiles,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'simulation',
          include: ['simulations/**/*.test.ts'],
          exclude: never,
          setupFiles,
          // They compute, and share the machine with others.
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: [...never, ...house],
          setupFiles,
          // More than one wait of a test may come near its limit, and tells more than the end of the test.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
        },
      },
    ],
  },
})
