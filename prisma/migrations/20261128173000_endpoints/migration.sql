-- What a machine is to its engine, and how it is reached, is the engine's to know: here both are words without a meaning.
ALTER TABLE "Vm" RENAME COLUMN "containerId" TO "engineId";
ALTER TABLE "GoldenImage" RENAME COLUMN "containerId" TO "engineId";
ALTER TABLE "Vm" RENAME COLUMN "port" TO "endpoint";
ALTER TABLE "GoldenImage" RENAME COLUMN "port" TO "endpoint";
ALTER TABLE "Vm" ALTER COLUMN "endpoint" TYPE TEXT USING "endpoint"::text;
ALTER TABLE "GoldenImage" ALTER COLUMN "endpoint" TYPE TEXT USING "endpoint"::text;
ALTER TABLE "Vm" RENAME CONSTRAINT "Vm_cleaned_has_no_port" TO "Vm_cleaned_has_no_endpoint";
ALTER TABLE "GoldenImage" RENAME CONSTRAINT "GoldenImage_cleaned_has_no_port" TO "GoldenImage_cleaned_has_no_endpoint";
ALTER INDEX "Vm_one_live_per_port" RENAME TO "Vm_one_live_per_endpoint";
ALTER INDEX "GoldenImage_one_live_per_port" RENAME TO "GoldenImage_one_live_per_endpoint";
